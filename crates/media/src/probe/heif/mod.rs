//! The header of a HEIC or AVIF still: the properties of its primary picture
//! (ISO 23008-12), read from boxes without any program's help.

mod boxes;
mod others;

use std::io::{BufReader, Read, Seek};

use self::boxes::{Meta, Property, boxes, find};
use super::{Header, damaged};
use crate::{MediaError, MediaType};

pub(crate) use others::others_hidden;

pub(super) fn header<S: Read + Seek>(
    reader: &mut BufReader<S>,
    format: MediaType,
) -> Result<Header, MediaError> {
    let meta = Meta::read(reader, format)?;
    let meta = meta.boxes.as_slice();
    let primary = find(meta, *b"pitm").and_then(primary_item);
    let properties = find(meta, *b"iprp").unwrap_or_default();
    let all: Vec<Property<'_>> = find(properties, *b"ipco")
        .map(boxes)
        .into_iter()
        .flatten()
        .collect();
    let of_primary = find(properties, *b"ipma")
        .zip(primary)
        .map(|(table, item)| associated(table, item))
        .unwrap_or_default();
    let mine = || {
        of_primary
            .iter()
            .filter_map(|index| all.get(index.checked_sub(1)?))
    };
    let side = |payload: &[u8], at: usize| {
        let bytes = payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let sides = mine()
        .filter(|(kind, _)| kind == b"ispe")
        .find_map(|(_, payload)| Some((side(payload, 4)?, side(payload, 8)?)));
    let Some((mut width, mut height)) = sides else {
        return Err(damaged(format, "its primary picture has no size"));
    };
    // In the order of the file, as they are applied.
    for (kind, payload) in mine() {
        match kind {
            // A quarter turn, once or three times.
            b"irot" if payload.first().is_some_and(|angle| angle & 1 == 1) => {
                (width, height) = (height, width);
            }
            // What is left when the edges are cut off: two fractions.
            b"clap" => {
                let share = |at| side(payload, at).zip(side(payload, at + 4).filter(|n| *n > 0));
                if let Some(((wide, by), (high, of))) = share(0).zip(share(8)) {
                    (width, height) = (width.min(wide / by), height.min(high / of));
                }
            }
            _ => {}
        }
    }
    let is_alpha = |(kind, payload): &Property<'_>| {
        kind == b"auxC"
            && payload
                .windows(5)
                .any(|part| part == b"alpha" || part == b"auxid")
    };
    Ok(Header {
        width,
        height,
        has_alpha: all.iter().any(is_alpha),
        ..Header::default()
    })
}

/// The number in a `pitm` box: two bytes, or four in its version 1.
fn primary_item(payload: &[u8]) -> Option<u32> {
    match payload {
        [0, _, _, _, a, b, ..] => Some(u32::from(u16::from_be_bytes([*a, *b]))),
        [_, _, _, _, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// The indexes, from 1, that an `ipma` box gives to an item.
fn associated(table: &[u8], item: u32) -> Vec<usize> {
    let mut rest = table.iter().copied();
    let mut number = |bytes: u32| {
        let mut value = 0u32;
        for _ in 0..bytes {
            value = value << 8 | u32::from(rest.next()?);
        }
        Some(value)
    };
    let mut found = Vec::new();
    // Ends at the table's end, whatever count it announces.
    let _: Option<()> = (|| {
        let version_and_flags = number(4)?;
        let item_bytes = if version_and_flags >> 24 == 0 { 2 } else { 4 };
        let index_bytes = 1 + (version_and_flags & 1);
        for _ in 0..number(4)? {
            let is_mine = number(item_bytes)? == item;
            for _ in 0..number(1)? {
                // The upper bit says that the property is essential.
                let index = number(index_bytes)? & ((1 << (8 * index_bytes - 1)) - 1);
                if is_mine {
                    found.push(index as usize);
                }
            }
        }
        Some(())
    })();
    found
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn read(file: &[u8]) -> Result<Header, MediaError> {
        header(&mut BufReader::new(Cursor::new(file)), MediaType::Avif)
    }

    #[test]
    fn sides_turn_and_alpha_of_the_primary_picture_are_found() {
        let plain = read(&sample::avif_header(40, 30, None)).unwrap();
        assert_eq!(
            (plain.width, plain.height, plain.has_alpha),
            (40, 30, false)
        );
        for (angle, sides) in [(0, (40, 30)), (1, (30, 40)), (2, (40, 30)), (3, (30, 40))] {
            let turned = read(&sample::avif_header(40, 30, Some(angle))).unwrap();
            assert_eq!((turned.width, turned.height), sides);
        }
    }

    #[test]
    fn edges_are_cut_off_before_a_turn() {
        let numbers = [37u32, 1, 58, 2, 0, 1, 0, 1];
        let clap: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        let properties = [(*b"clap", clap), (*b"irot", vec![1])];
        let cut = read(&sample::avif_of(40, 30, &properties)).unwrap();
        assert_eq!((cut.width, cut.height), (29, 37));
        let nothing = [(*b"clap", vec![0; 32]), (*b"clap", vec![7])];
        let whole = read(&sample::avif_of(40, 30, &nothing)).unwrap();
        assert_eq!((whole.width, whole.height), (40, 30));
    }

    #[test]
    fn a_header_cut_off_anywhere_is_damaged() {
        let file = sample::avif_header(40, 30, Some(1));
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_boxes_are_judged(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut file = sample::avif_header(40, 30, Some(3));
            for (at, value) in changes {
                let at = at.index(file.len());
                file[at] = value;
            }
            // Other sides may well be told, and are held against the budget by
            // the caller.
            let _: Result<Header, MediaError> = read(&file);
            let hidden = others_hidden(&mut Cursor::new(&file), MediaType::Avif);
            for (at, byte) in hidden.unwrap_or_default() {
                prop_assert_eq!(file[at as usize] | 1, byte);
            }
        }
    }
}
