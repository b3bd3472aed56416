//! What is kept of a receiver's answer. SPEC: runs.md, "Callbacks".

/// How much of an answer is kept, in bytes.
pub(super) const KEPT: usize = 4096;

/// The beginning of an answer, whatever it is, as text of at most [`KEPT`] bytes.
pub(super) fn readable(body: &[u8]) -> String {
    let whole = match std::str::from_utf8(body) {
        // The limit fell into the middle of a character.
        Err(error) if error.error_len().is_none() => &body[..error.valid_up_to()],
        _ => body,
    };
    // NUL cannot be stored as text by every database.
    let mut text = String::from_utf8_lossy(whole).replace('\0', "\u{fffd}");
    // What cannot be read takes three bytes in the place of one.
    text.truncate(text.floor_char_boundary(KEPT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_kept_as_text_within_the_limit() {
        let cases: [(&[u8], &str); 4] = [
            (b"seen", "seen"),
            ("größer".as_bytes(), "größer"),
            (b"a\0b\xffc", "a\u{fffd}b\u{fffd}c"),
            (b"", ""),
        ];
        for (body, text) in cases {
            assert_eq!(readable(body), text);
        }
        let euros = "€".repeat(2000);
        assert_eq!(readable(&euros.as_bytes()[..KEPT]), "€".repeat(1365));
        let noise = readable(&[0xff; KEPT]);
        assert_eq!((noise.len(), noise.chars().count()), (4095, 1365));
    }
}
