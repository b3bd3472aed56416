//! The header of a GIF: the screen, and its blocks.

use std::io::{BufReader, Read, Seek};

use super::{Header, MAX_FRAMES, damaged, read_array};
use crate::{MediaError, MediaType};

pub(super) fn header<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Header, MediaError> {
    reader.seek_relative(6)?;
    let [w0, w1, h0, h1, flags, _, _] = read_array(reader)?;
    let mut found = Header {
        width: u32::from(u16::from_le_bytes([w0, w1])),
        height: u32::from(u16::from_le_bytes([h0, h1])),
        ..Header::default()
    };
    skip_palette(reader, flags)?;
    loop {
        // What follows the first frame is only counted: a file cut off there is
        // judged by the decoder, not here.
        let has_first = found.frames > 0;
        let block = match read_array(reader) {
            Ok([block]) => block,
            Err(_) if has_first => return Ok(found),
            Err(error) => return Err(error),
        };
        match block {
            0x21 => match extension(reader) {
                Ok(transparent) => found.has_alpha |= transparent && !has_first,
                Err(_) if has_first => return Ok(found),
                Err(error) => return Err(error),
            },
            0x2c => {
                found.frames += 1;
                if found.frames == MAX_FRAMES {
                    return Ok(found);
                }
                let is_first = found.frames == 1;
                match frame(reader, &mut found) {
                    Ok(covers) => found.has_alpha |= is_first && !covers,
                    Err(error) if is_first => return Err(error),
                    Err(_) => return Ok(found),
                }
            }
            0x3b if !has_first => return Err(damaged(MediaType::Gif, "it has no frame")),
            _ if has_first => return Ok(found),
            _ => return Err(damaged(MediaType::Gif, "it has an unknown block")),
        }
    }
}

/// Reads an extension; answers whether it makes the next frame transparent.
fn extension<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<bool, MediaError> {
    let [label, length] = read_array(reader)?;
    if label != 0xf9 || length == 0 {
        skip_blocks(reader, length)?;
        return Ok(false);
    }
    let [flags] = read_array(reader)?;
    reader.seek_relative(i64::from(length) - 1)?;
    let [next] = read_array(reader)?;
    skip_blocks(reader, next)?;
    Ok(flags & 1 == 1)
}

/// Reads over a frame; answers whether it covers the whole screen. A screen
/// without sides takes those of the frame, as browsers do.
fn frame<S: Read + Seek>(
    reader: &mut BufReader<S>,
    found: &mut Header,
) -> Result<bool, MediaError> {
    let [l0, l1, t0, t1, w0, w1, h0, h1, flags] = read_array(reader)?;
    let [left, top, width, height] =
        [[l0, l1], [t0, t1], [w0, w1], [h0, h1]].map(|pair| u32::from(u16::from_le_bytes(pair)));
    if found.width == 0 || found.height == 0 {
        (found.width, found.height) = (left + width, top + height);
    }
    skip_palette(reader, flags)?;
    // The LZW code size, then the first block of pixels.
    let [_, length] = read_array(reader)?;
    skip_blocks(reader, length)?;
    Ok(left == 0 && top == 0 && width >= found.width && height >= found.height)
}

fn skip_palette<S: Read + Seek>(reader: &mut BufReader<S>, flags: u8) -> Result<(), MediaError> {
    if flags & 0x80 != 0 {
        reader.seek_relative(3 * (2 << (flags & 7)))?;
    }
    Ok(())
}

/// Skips sub-blocks, the first of which has `length` bytes.
fn skip_blocks<S: Read + Seek>(
    reader: &mut BufReader<S>,
    mut length: u8,
) -> Result<(), MediaError> {
    while length != 0 {
        reader.seek_relative(length.into())?;
        [length] = read_array(reader)?;
    }
    Ok(())
}
