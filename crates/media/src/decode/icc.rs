//! The ICC profile of a JPEG, which is cut into segments of 64 KiB.

use crate::colour::MAX_PROFILE_BYTES;

/// What each of its segments begins with, before its number and their count.
const SIGNATURE: &[u8] = b"ICC_PROFILE\0";

/// Puts the profile together from the segments before the first scan. One that
/// lacks a part is none.
pub(crate) fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = Vec::new();
    let mut count = 0;
    let mut rest = bytes.get(2..)?;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        let [_, marker, after @ ..] = &rest[at..] else {
            return None;
        };
        match marker {
            0x00 | 0x01 | 0xd0..=0xd7 => rest = after,
            0xff => rest = &rest[at + 1..],
            0xd9 | 0xda => break,
            _ => {
                let (length, _) = after.split_first_chunk::<2>()?;
                let length = usize::from(u16::from_be_bytes(*length));
                let body = after.get(2..length)?;
                if let (0xe2, Some([number, of, part @ ..])) =
                    (marker, body.strip_prefix(SIGNATURE))
                {
                    count = *of;
                    parts.push((*number, part));
                }
                rest = &after[length..];
            }
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    let is_whole = parts.iter().map(|(number, _)| *number).eq(1..=count);
    let size: usize = parts.iter().map(|(_, part)| part.len()).sum();
    if !is_whole || size == 0 || size > MAX_PROFILE_BYTES {
        return None;
    }
    Some(
        parts
            .into_iter()
            .flat_map(|(_, part)| part)
            .copied()
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn parts_are_joined_in_the_order_of_their_numbers() {
        let part = |number: u8, of: u8, bytes: &[u8]| [SIGNATURE, &[number, of], bytes].concat();
        let plain = sample::noise_jpeg(9, 9);
        let tagged = |parts: &[Vec<u8>]| {
            parts.iter().rev().fold(plain.clone(), |file, part| {
                sample::with_jpeg_segment(&file, 0xe2, part)
            })
        };
        assert_eq!(jpeg(&plain), None);
        let whole = tagged(&[part(2, 2, b"last"), part(1, 2, b"first ")]);
        assert_eq!(jpeg(&whole).unwrap(), b"first last");
        for broken in [
            tagged(&[part(2, 2, b"last")]),
            tagged(&[part(1, 1, b"a"), part(1, 1, b"b")]),
            tagged(&[part(1, 1, b"")]),
            tagged(&[SIGNATURE.to_vec()]),
        ] {
            assert_eq!(jpeg(&broken), None);
        }
        for length in 0..whole.len() {
            assert!(jpeg(&whole[..length]).is_none_or(|found| found == b"first last"));
        }
    }
}
