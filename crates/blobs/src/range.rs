//! The `Range` header of a request for bytes (RFC 9110, section 14).

use std::ops::Range;

/// A range that lies outside the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the range lies outside the {total} bytes of the object")]
pub struct RangeError {
    /// The object's size in bytes.
    pub total: u64,
}

/// The one range that `header` asks for, within an object of `total` bytes.
/// `None` means the whole: for several ranges, other units and malformed
/// headers, which a server may pass over.
///
/// # Errors
/// When the range begins after the object's end.
pub fn parse_range(header: &str, total: u64) -> Result<Option<Range<u64>>, RangeError> {
    let Some((first, last)) = header
        .trim()
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return Ok(None);
    }
    // A number too large for a u64 lies past every end.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let range = match (first, last) {
        ("", "") => return Ok(None),
        ("", suffix) => total.saturating_sub(number(suffix))..total,
        (first, "") => number(first)..total,
        (first, last) if number(last) < number(first) => return Ok(None),
        (first, last) => number(first)..number(last).saturating_add(1).min(total),
    };
    if range.start >= range.end {
        Err(RangeError { total })
    } else {
        Ok(Some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let cases = [
            ("bytes=0-9", Ok(Some(0..10))),
            ("bytes=5-", Ok(Some(5..100))),
            ("bytes=-10", Ok(Some(90..100))),
            ("bytes=-1000", Ok(Some(0..100))),
            ("bytes=90-1000", Ok(Some(90..100))),
            ("bytes=99-99999999999999999999", Ok(Some(99..100))),
            ("bytes=100-", Err(RangeError { total: 100 })),
            ("bytes=-0", Err(RangeError { total: 100 })),
            ("bytes=5-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("items=0-1", Ok(None)),
            ("bytes=-", Ok(None)),
        ];
        for (header, expected) in cases {
            assert_eq!(parse_range(header, 100), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_range_never_leaves_the_object(header in "bytes=[0-9]{0,25}-[0-9]{0,25}", total in 0_u64..10_000) {
            if let Ok(Some(range)) = parse_range(&header, total) {
                prop_assert!(range.start < range.end && range.end <= total);
            }
        }
    }
}
