//! The header of a PNG: its chunks up to the first pixels.

use std::io::{BufReader, Read, Seek};

use super::{Header, damaged, read_array, read_block};
use crate::exif;
use crate::{Budget, MediaError, MediaType};

/// The most chunks before the pixels; real files have fewer than twenty.
const MAX_CHUNKS: u32 = 10_000;

pub(super) fn header<S: Read + Seek>(
    reader: &mut BufReader<S>,
    budget: &Budget,
) -> Result<Header, MediaError> {
    reader.seek_relative(8)?;
    let (length, kind) = chunk_start(reader)?;
    if (length, &kind) != (13, b"IHDR") {
        return Err(damaged(MediaType::Png, "it does not begin with its header"));
    }
    let sides: [u8; 8] = read_array(reader)?;
    let [_, colour_type, _, _, _] = read_array::<5>(reader)?;
    reader.seek_relative(4)?;
    let [w3, w2, w1, w0, h3, h2, h1, h0] = sides;
    let mut found = Header {
        width: u32::from_be_bytes([w3, w2, w1, w0]),
        height: u32::from_be_bytes([h3, h2, h1, h0]),
        has_alpha: colour_type & 4 != 0,
        ..Header::default()
    };
    // A refusal for size is more use than one for what may be wrong later.
    budget.check(found.width, found.height)?;
    for _ in 0..MAX_CHUNKS {
        let (length, kind) = chunk_start(reader)?;
        let mut rest = i64::from(length) + 4;
        match &kind {
            b"IDAT" => return Ok(found),
            b"IEND" => break,
            b"tRNS" => found.has_alpha = true,
            b"acTL" if length >= 4 => {
                let frames = u32::from_be_bytes(read_array(reader)?);
                rest -= 4;
                found.frames = frames;
            }
            b"eXIf" => {
                let block = read_block(reader, length.into())?;
                rest -= block.len() as i64;
                found.orientation = exif::orientation(&block);
            }
            _ => {}
        }
        reader.seek_relative(rest)?;
    }
    Err(damaged(MediaType::Png, "it has no pixels"))
}

/// A chunk's length and type.
fn chunk_start(reader: &mut impl Read) -> Result<(u32, [u8; 4]), MediaError> {
    let length = u32::from_be_bytes(read_array(reader)?);
    Ok((length, read_array(reader)?))
}
