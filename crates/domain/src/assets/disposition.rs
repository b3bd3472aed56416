//! How a file arrives at whoever fetches it: shown or kept, and under which name.

use std::borrow::Cow;
use std::fmt::Write;

use runnel_types::AssetType;

/// The longest name under which a file is saved, in bytes: what file systems take.
/// An asset's may have 2,000, and each of them takes three to five characters in a
/// bucket's URL; servers and proxies refuse URLs from some thousand on.
const MAX_NAME: usize = 255;

/// The longest ending that is left on a name that is cut, its dot included.
const MAX_ENDING: usize = 16;

/// The `Content-Disposition` of a file. A browser keeps what it might run
/// instead of showing it.
pub fn disposition(name: &str, is_active: bool) -> String {
    let name = &cut(name);
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

/// A name of at most [`MAX_NAME`] bytes, with the ending of the whole one.
fn cut(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return Cow::Borrowed(name);
    }
    let ending = name.rfind('.').map_or("", |at| &name[at..]);
    let ending = if ending.len() <= MAX_ENDING {
        ending
    } else {
        ""
    };
    let begin = &name[..name.floor_char_boundary(MAX_NAME - ending.len())];
    Cow::Owned(format!("{begin}{ending}"))
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

    #[test]
    fn a_long_name_is_cut_before_its_ending() {
        let name = format!("{}.webp", "写".repeat(400));
        assert_eq!(cut(&name), format!("{}.webp", "写".repeat(83)));
        let name = "🍰".repeat(500);
        assert_eq!(cut(&name), "🍰".repeat(63));
        let name = format!("{}.{}", "a".repeat(200), "b".repeat(300));
        assert_eq!(cut(&name).len(), MAX_NAME);
        assert!(disposition(&"写".repeat(500), false).len() < 1200);
        assert_eq!(cut("写真.png"), "写真.png");
    }
}
