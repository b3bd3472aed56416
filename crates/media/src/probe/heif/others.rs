//! What a file has besides its primary picture: those of a burst, say.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::boxes::{Meta, placed};
use super::primary_item;
use crate::probe::damaged;
use crate::{MediaError, MediaType};

/// What has to change in a file for its primary picture to be the only one that
/// is shown: where a byte lies, and what it becomes.
///
/// A program that converts a file writes every picture that is shown, be they a
/// hundred, and does not say which of them is the primary one.
///
/// # Errors
/// [`MediaError::Damaged`] where another program might see more pictures than
/// are seen here.
pub(crate) fn others_hidden<S: Read + Seek>(
    source: &mut S,
    format: MediaType,
) -> Result<Vec<(u64, u8)>, MediaError> {
    source.seek(SeekFrom::Start(0))?;
    let meta = Meta::read(&mut BufReader::new(source), format)?;
    let unreadable = || damaged(format, "its list of pictures cannot be read");
    let of_kind = |kind: &[u8; 4]| placed(&meta.boxes).find(|(_, (found, _))| found == kind);
    let primary = of_kind(b"pitm").and_then(|(_, (_, payload))| primary_item(payload));
    let primary = primary.ok_or_else(unreadable)?;
    let (list_at, (_, list)) = of_kind(b"iinf").ok_or_else(unreadable)?;
    // A version, flags, and how many there are: in two bytes, or in four.
    let head = if list.first() == Some(&0) { 6 } else { 8 };
    let list = list.get(head..).ok_or_else(unreadable)?;
    let mut is_listed = false;
    let mut seen = 0;
    let mut changes = Vec::new();
    for (at, (_, entry)) in placed(list) {
        seen = at + entry.len();
        let &[version, _, _, flags, ..] = entry else {
            return Err(unreadable());
        };
        if item(version, entry) == Some(primary) {
            is_listed = true;
        } else {
            let place = list_at + head + at + 3;
            changes.push((meta.at + place as u64, flags | HIDDEN));
        }
    }
    // What is left is no box, or one whose length is written in another way.
    if !is_listed || list.len() - seen >= 8 {
        return Err(unreadable());
    }
    Ok(changes)
}

/// Of the flags of an item, the one that says that it is not shown.
const HIDDEN: u8 = 1;

/// The number of an item: four bytes from version 3 on, two before.
fn item(version: u8, entry: &[u8]) -> Option<u32> {
    match (version, entry.get(4..)?) {
        (0..=2, [a, b, ..]) => Some(u32::from(u16::from_be_bytes([*a, *b]))),
        (_, [a, b, c, d, ..]) => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::sample;

    fn hidden(file: &[u8]) -> Result<Vec<(u64, u8)>, MediaError> {
        others_hidden(&mut Cursor::new(file), MediaType::Avif)
    }

    /// The list of a sample, whose primary item is number 1, with other entries
    /// in it; of the first entries and the last the payloads.
    fn listing(entries: &[&[u8]]) -> Vec<u8> {
        let boxed = |kind: &[u8], payload: &[u8]| {
            let length = payload.len() as u32 + 8;
            [&length.to_be_bytes(), kind, payload].concat()
        };
        let all: Vec<u8> = entries.iter().flat_map(|one| boxed(b"infe", one)).collect();
        let list = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 9], all.as_slice()].concat());
        let inside = [
            &[0; 4],
            boxed(b"pitm", &[0, 0, 0, 0, 0, 1]).as_slice(),
            &list,
        ]
        .concat();
        [
            boxed(b"ftyp", b"avif\0\0\0\0mif1avif"),
            boxed(b"meta", &inside),
        ]
        .concat()
    }

    const PRIMARY: &[u8] = b"\x02\0\0\0\0\x01\0\0av01\0";

    #[test]
    fn every_picture_but_the_primary_one_is_hidden() {
        let single = sample::avif_header(40, 30, None);
        assert_eq!(hidden(&single).unwrap(), []);
        let short = b"\x02\0\0\x02\0\x02\0\0av01\0";
        let long = b"\x03\0\0\x01\0\x01\0\x01\0\0av01\0";
        let file = listing(&[short, PRIMARY, long]);
        let changes = hidden(&file).unwrap();
        let told: Vec<(u8, u8)> = changes
            .iter()
            .map(|(at, byte)| (file[*at as usize], *byte))
            .collect();
        assert_eq!(told, [(2, 3), (1, 1)]);
        for ((at, _), entry) in changes.iter().zip([short.as_slice(), long]) {
            assert!(file[*at as usize - 3..].starts_with(entry));
        }
    }

    #[test]
    fn a_list_that_hides_pictures_from_this_reader_is_refused() {
        let mut without = sample::avif_header(40, 30, None);
        let at = without.windows(4).position(|kind| kind == b"iinf").unwrap();
        without[at] = b'x';
        let other = b"\x02\0\0\0\0\x02\0\0av01\0";
        let mut long_way = listing(&[PRIMARY, other]);
        // The length of the last entry, said to follow in eight bytes.
        let at = long_way.len() - other.len() - 8;
        long_way[at..at + 4].copy_from_slice(&1u32.to_be_bytes());
        for file in [without, listing(&[other]), listing(&[b"\x02\0"]), long_way] {
            let error = hidden(&file).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("list of pictures cannot be read"),
                "{error}"
            );
        }
    }
}
