//! The header of a JPEG: its segments up to the frame header.

use std::io::{BufReader, Read, Seek};

use super::{Header, damaged, read_array, read_block};
use crate::exif;
use crate::{MediaError, MediaType};

/// What the segments before the pixels say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Segments {
    pub(crate) header: Header,
    /// Colour components: 1 grey, 3 colour, 4 CMYK.
    pub(crate) components: u8,
    /// Whether there is an Adobe segment: then CMYK is stored inverted.
    pub(crate) adobe: bool,
}

pub(super) fn header<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Header, MediaError> {
    segments(reader).map(|found| found.header)
}

/// Walks the segments up to the first scan.
pub(crate) fn segments<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Segments, MediaError> {
    let mut found = Segments::default();
    let mut has_exif = false;
    reader.seek_relative(2)?;
    loop {
        let marker = next_marker(reader)?;
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            continue;
        }
        let announced = u16::from_be_bytes(read_array(reader)?);
        let Some(length) = announced.checked_sub(2) else {
            return Err(damaged(
                MediaType::Jpeg,
                "a segment has an impossible length",
            ));
        };
        let mut rest = i64::from(length);
        match marker {
            0xda | 0xd9 if found.components == 0 => {
                return Err(damaged(MediaType::Jpeg, "it has no frame header"));
            }
            0xda | 0xd9 => return Ok(found),
            // The frame headers; C4, C8 and CC are tables among them.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [precision, h1, h0, w1, w0, components] = read_array(reader)?;
                rest -= 6;
                if precision != 8 {
                    return Err(MediaError::Unusable {
                        format: MediaType::Jpeg,
                        reason: format!("it has {precision} bits a sample, only 8 are read"),
                    });
                }
                found.components = components;
                found.header.height = u32::from(u16::from_be_bytes([h1, h0]));
                found.header.width = u32::from(u16::from_be_bytes([w1, w0]));
            }
            0xe1 if !has_exif => {
                let block = read_block(reader, length.into())?;
                rest -= block.len() as i64;
                if block.starts_with(b"Exif\0\0") {
                    has_exif = true;
                    found.header.orientation = exif::orientation(&block);
                }
            }
            0xee => {
                let block = read_block(reader, length.into())?;
                rest -= block.len() as i64;
                found.adobe |= block.starts_with(b"Adobe");
            }
            _ => {}
        }
        if rest < 0 {
            return Err(damaged(MediaType::Jpeg, "a segment is too short"));
        }
        reader.seek_relative(rest)?;
    }
}

/// The next marker's code. Other decoders skip stray bytes before a marker, so
/// they are skipped here too.
fn next_marker(reader: &mut impl Read) -> Result<u8, MediaError> {
    let mut last = 0;
    loop {
        let [byte] = read_array(reader)?;
        if last == 0xff && byte != 0xff && byte != 0 {
            return Ok(byte);
        }
        last = byte;
    }
}
