//! How a file arrives at whoever fetches it: shown or kept, and under which name.

use std::fmt::Write;

use runnel_types::AssetType;

/// The `Content-Disposition` of a file. A browser keeps what it might run
/// instead of showing it.
pub fn disposition(name: &str, is_active: bool) -> String {
    let kind = if is_active { "attachment" } else { "inline" };
    let plain: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '%') || letter == ' ' {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Whether a browser would run what is in a file of this type, or might guess
/// so. Pictures, sounds and films that cannot hold a script are shown inline.
pub(super) fn is_active(mime_type: &str, asset_type: AssetType) -> bool {
    let inert = matches!(
        asset_type,
        AssetType::Image | AssetType::Video | AssetType::Audio
    );
    !inert || mime_type.contains("svg") || mime_type.contains("xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_is_sent_in_letters_that_a_header_takes() {
        assert_eq!(
            disposition("Kuchen \"🍰\".png", false),
            "inline; filename=\"Kuchen ___.png\"; filename*=UTF-8''Kuchen%20%22%F0%9F%8D%B0%22.png"
        );
        assert!(disposition("a.svg", true).starts_with("attachment; "));
    }
}
