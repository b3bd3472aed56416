//! The boxes that such a file is made of (ISO 14496-12): a length, a type, a payload.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::super::{damaged, read_array};
use crate::{MediaError, MediaType};

/// The most boxes of a file; stills have three or four.
const MAX_BOXES: u32 = 1000;

/// The most bytes of the box that describes the pictures; that of one with a
/// thousand tiles stays below.
const MAX_META_BYTES: u64 = 4 << 20;

/// A box's type and payload.
pub(super) type Property<'a> = ([u8; 4], &'a [u8]);

/// The box that describes a file's pictures.
pub(super) struct Meta {
    /// Where the boxes inside begin in the file, in bytes.
    pub(super) at: u64,
    /// The boxes inside.
    pub(super) boxes: Vec<u8>,
}

impl Meta {
    /// Finds the only one that a file may have, from the file's start.
    pub(super) fn read<S: Read + Seek>(
        reader: &mut BufReader<S>,
        format: MediaType,
    ) -> Result<Self, MediaError> {
        let end = reader.seek(SeekFrom::End(0))?;
        reader.rewind()?;
        let mut found = None;
        for _ in 0..MAX_BOXES {
            let next = match head(reader, format, end) {
                // Some cameras add what is no box.
                Err(_) if found.is_some() => None,
                next => next?,
            };
            let Some((kind, length)) = next else {
                return found.ok_or_else(|| damaged(format, "it describes no picture"));
            };
            if &kind != b"meta" {
                reader.seek_relative(length.cast_signed())?;
            } else if found.is_none() {
                found = Some(Self::inside(reader, format, length)?);
            } else {
                // The program that decodes might take the other one.
                return Err(damaged(format, "it describes its pictures twice"));
            }
        }
        Err(damaged(format, "it has too many boxes"))
    }

    fn inside<S: Read + Seek>(
        reader: &mut BufReader<S>,
        format: MediaType,
        length: u64,
    ) -> Result<Self, MediaError> {
        if length > MAX_META_BYTES {
            return Err(damaged(format, "its description is too long"));
        }
        // A version and flags come before the boxes inside.
        let _: [u8; 4] = read_array(reader)?;
        let at = reader.stream_position()?;
        let mut boxes = Vec::new();
        reader
            .take(length.saturating_sub(4))
            .read_to_end(&mut boxes)?;
        Ok(Self { at, boxes })
    }
}

/// The type of the next box and the length of its payload, which lies in the file
/// as a whole; nothing at the file's end.
fn head<S: Read + Seek>(
    reader: &mut BufReader<S>,
    format: MediaType,
    end: u64,
) -> Result<Option<([u8; 4], u64)>, MediaError> {
    let at = reader.stream_position()?;
    if at >= end {
        return Ok(None);
    }
    let short: [u8; 4] = read_array(reader)?;
    let kind = read_array(reader)?;
    let length = match u32::from_be_bytes(short) {
        0 => end - at,
        1 => u64::from_be_bytes(read_array(reader)?),
        length => length.into(),
    };
    let header = reader.stream_position()? - at;
    let Some(payload) = length.checked_sub(header) else {
        return Err(damaged(format, "a box has an impossible length"));
    };
    if length > end - at {
        return Err(damaged(format, "it ends too early"));
    }
    Ok(Some((kind, payload)))
}

/// The boxes in a payload, as far as they are whole.
pub(super) fn boxes(all: &[u8]) -> impl Iterator<Item = Property<'_>> {
    placed(all).map(|(_, found)| found)
}

/// The same, each with where its payload begins.
pub(super) fn placed(all: &[u8]) -> impl Iterator<Item = (usize, Property<'_>)> {
    let mut rest = all;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, _) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let payload = rest.get(8..length)?;
        let at = all.len() - rest.len() + 8;
        rest = &rest[length..];
        Some((at, (*kind, payload)))
    })
}

/// The payload of the first box of a type.
pub(super) fn find(payload: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    boxes(payload)
        .find(|(found, _)| *found == kind)
        .map(|(_, payload)| payload)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::sample;

    fn read(file: Vec<u8>) -> Result<Meta, MediaError> {
        Meta::read(&mut BufReader::new(Cursor::new(file)), MediaType::Avif)
    }

    fn refused(file: Vec<u8>) -> String {
        read(file).err().unwrap().to_string()
    }

    /// A box whose length is written in eight bytes.
    fn long_box(kind: [u8; 4], length: u64) -> Vec<u8> {
        [&1u32.to_be_bytes(), kind.as_slice(), &length.to_be_bytes()].concat()
    }

    #[test]
    fn the_description_is_found_behind_other_boxes_and_before_what_is_none() {
        let file = sample::avif_header(40, 30, None);
        let plain = read(file.clone()).unwrap();
        let start = plain.at as usize;
        assert_eq!(file[start..], plain.boxes);
        let meta_at = start - 12;
        let (before, meta) = file.split_at(meta_at);
        let skipped = [before, &long_box(*b"free", 16), meta].concat();
        let behind = read(skipped).unwrap();
        assert_eq!(
            (behind.at, behind.boxes),
            (plain.at + 16, plain.boxes.clone())
        );
        for tail in [b"SEFT".as_slice(), b"\0\0\0\x02what a camera adds"] {
            let followed = read([&file, tail].concat()).unwrap();
            assert_eq!(followed.boxes, plain.boxes);
        }
        let mut open = file;
        open[meta_at..meta_at + 4].fill(0);
        assert_eq!(read(open).unwrap().boxes, plain.boxes);
    }

    #[test]
    fn a_length_beyond_the_file_is_damage_and_no_failure_of_the_disk() {
        let file = sample::avif_header(40, 30, None);
        for length in [1 << 40, i64::MAX as u64, u64::MAX] {
            let far = [&long_box(*b"free", length), file.as_slice()].concat();
            assert!(refused(far).contains("ends too early"), "{length}");
        }
        let inside = [&long_box(*b"free", 15), file.as_slice()].concat();
        assert!(refused(inside).contains("impossible length"));
    }

    #[test]
    fn a_second_description_and_boxes_without_end_are_refused() {
        let file = sample::avif_header(40, 30, None);
        // The second one may be what could not be read as the first.
        let long = [long_box(*b"meta", (5 << 20) + 16), vec![0; 5 << 20]].concat();
        for second in [file.clone(), long, long_box(*b"meta", 16)] {
            let twice = refused([file.clone(), second].concat());
            assert!(twice.contains("twice"), "{twice}");
        }
        let many = [file, long_box(*b"free", 16).repeat(1000)].concat();
        assert!(refused(many).contains("too many boxes"));
    }
}
