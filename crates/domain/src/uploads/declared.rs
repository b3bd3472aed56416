//! The type that an upload declares: one that is taken, in a form that the PUT of
//! the bytes can send as its `Content-Type`.
//!
//! What no header can hold would get a URL that no PUT ever fits: HTTP takes the
//! spaces around a value away, and other letters than ASCII do not pass.

use runnel_media::MediaType;

/// What is wrong with a declared type: the rule that it breaks, and the words.
pub(super) type Refusal = (&'static str, String);

/// The type that `mime_type` names, if an upload may declare it.
pub(super) fn check(mime_type: &str) -> Result<MediaType, Refusal> {
    let known = MediaType::from_mime(mime_type).filter(|known| known.is_accepted());
    let Some(known) = known else {
        let supported: Vec<&str> = runnel_media::types().map(|kind| kind.mime_type).collect();
        let message = format!(
            "{mime_type:?} is not supported; the types are {}",
            supported.join(", ")
        );
        return Err(("unsupported", message));
    };
    let Some(wrong) = unfit_for_a_header(mime_type) else {
        return Ok(known);
    };
    let message = format!(
        "{mime_type:?} {wrong}, so that no PUT can send it as its Content-Type, which is printable ASCII without spaces around it; send {:?}",
        known.as_mime()
    );
    Err(("header_value", message))
}

/// Why the value is no header's. A tab within it could be sent; it is refused with
/// the other control characters, since not every store signs it in the same way.
fn unfit_for_a_header(value: &str) -> Option<String> {
    if let Some(odd) = value.chars().find(|c| !matches!(c, ' '..='~')) {
        return Some(format!("has {odd:?} in it"));
    }
    let is_padded = value.starts_with(' ') || value.ends_with(' ');
    is_padded.then(|| "begins or ends with a space".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_aliases_and_parameters_are_taken_as_they_are() {
        for fit in [
            "image/png",
            "image/jpg",
            "IMAGE/PNG",
            "image/png;",
            "image/png ; q=1",
            "audio/ogg; codecs=\"opus, vorbis\"",
            "image/png;  x=~!{}",
        ] {
            let known = MediaType::from_mime(fit).unwrap();
            assert_eq!(check(fit), Ok(known), "{fit:?}");
        }
    }

    #[test]
    fn what_no_header_can_have_is_told_with_what_can_be_sent() {
        for (unfit, wrong, send) in [
            (" image/png", "begins or ends with a space", "image/png"),
            ("image/jpg ", "begins or ends with a space", "image/jpeg"),
            ("image/png; ", "begins or ends with a space", "image/png"),
            ("image/png; x=é", "'é'", "image/png"),
            ("image/png;\n", "'\\n'", "image/png"),
            ("\timage/webp", "'\\t'", "image/webp"),
            ("image/png;\tq=1", "'\\t'", "image/png"),
            ("image/png;x=\0", "'\\0'", "image/png"),
            ("image/png;x=\u{7f}", "'\\u{7f}'", "image/png"),
            ("\u{a0}image/gif", "'\\u{a0}'", "image/gif"),
            ("image/gif\u{2003}", "'\\u{2003}'", "image/gif"),
        ] {
            let (rule, message) = check(unfit).unwrap_err();
            assert_eq!(rule, "header_value", "{unfit:?}");
            let ends = message.ends_with(&format!("; send {send:?}"));
            assert!(message.contains(wrong) && ends, "{message}");
            assert!(check(send).is_ok(), "what is advised is taken");
        }
    }

    #[test]
    fn what_is_not_taken_is_told_with_what_is() {
        for unknown in ["", "x", "text/html", " image/pngé", "image/\0png"] {
            let (rule, message) = check(unknown).unwrap_err();
            assert_eq!(rule, "unsupported", "{unknown:?}");
            assert!(message.contains("image/webp"), "{message}");
        }
    }
}
