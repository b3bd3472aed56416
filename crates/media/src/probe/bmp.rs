//! The header of a BMP: the sides and the depth.

use std::io::{BufReader, Read, Seek};

use super::{Header, damaged, read_array};
use crate::{MediaError, MediaType};

pub(super) fn header<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Header, MediaError> {
    reader.seek_relative(14)?;
    let length = u32::from_le_bytes(read_array(reader)?);
    if length == 12 {
        let [w0, w1, h0, h1] = read_array(reader)?;
        return Ok(Header {
            width: u32::from(u16::from_le_bytes([w0, w1])),
            height: u32::from(u16::from_le_bytes([h0, h1])),
            ..Header::default()
        });
    }
    let width = i32::from_le_bytes(read_array(reader)?);
    // A negative height says that the rows are stored from the top.
    let height = i32::from_le_bytes(read_array(reader)?).unsigned_abs();
    let Ok(width) = u32::try_from(width) else {
        return Err(damaged(MediaType::Bmp, "its width is negative"));
    };
    let [_, _, depth, _] = read_array(reader)?;
    Ok(Header {
        width,
        height,
        has_alpha: depth == 32 && length > 52,
        ..Header::default()
    })
}
