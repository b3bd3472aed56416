//! How a browser is told to keep a file: under which name, shown or not.

use std::fmt::Write;

/// The `Content-Disposition` of a file called `name`. A browser keeps what it
/// might run as a file instead of showing it.
pub(crate) fn disposition(name: &str, is_active: bool) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_within_their_quotes() {
        let table = [
            (
                "a.png",
                false,
                "inline; filename=\"a.png\"; filename*=UTF-8''a.png",
            ),
            (
                "a\"\r\nx: \\%.svg",
                true,
                "attachment; filename=\"a___x: __.svg\"; filename*=UTF-8''a%22%0D%0Ax%3A%20%5C%25.svg",
            ),
        ];
        for (name, is_active, expected) in table {
            assert_eq!(disposition(name, is_active), expected);
        }
    }
}
