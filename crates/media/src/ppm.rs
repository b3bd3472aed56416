//! PPM, the plainest format there is: how programs hand pixels to us.

use crate::{Budget, Channels, MediaError, MediaType, Picture};

/// Reads a binary PPM of eight bits (`P6`), as `format`'s program printed it.
pub(crate) fn read(
    bytes: &[u8],
    format: MediaType,
    budget: &Budget,
) -> Result<Picture, MediaError> {
    let broken = || MediaError::Damaged {
        format,
        reason: "no picture came out of it".to_owned(),
    };
    let mut rest = bytes.strip_prefix(b"P6").ok_or_else(broken)?;
    let mut number = || {
        let start = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let digits = &rest[start..];
        let length = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let value = std::str::from_utf8(&digits[..length]).ok()?.parse().ok()?;
        rest = &digits[length..];
        Some(value)
    };
    let (Some(width), Some(height), Some(255u32)) = (number(), number(), number()) else {
        return Err(broken());
    };
    budget.check(width, height)?;
    let length = width as usize * height as usize * 3;
    // One white space byte ends the header; what follows the pixels is ignored.
    let pixels = rest.get(1..=length).ok_or_else(broken)?;
    Picture::new(width, height, Channels::Rgb, pixels.to_vec()).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_out_and_broken_files_do_not() {
        let budget = Budget::default();
        let take = |bytes: &[u8]| read(bytes, MediaType::Pdf, &budget);
        let picture = take(b"P6\n2 1\n255\nabcdefrest").unwrap();
        assert_eq!((picture.width(), picture.pixels()), (2, &b"abcdef"[..]));
        for broken in [
            &b""[..],
            b"P6",
            b"P6 2 1 255",
            b"P6 2 1 255 abcde",
            b"P6 2 1 65535 abcdefabcdef",
            b"P6 0 1 255 ",
            b"P6 -1 1 255 abc",
            b"P6 99999 99999 255 abc",
            b"P6 99999999999 1 255 abc",
            b"P5 2 1 255 ab",
        ] {
            assert!(take(broken).is_err(), "{broken:?}");
        }
    }
}
