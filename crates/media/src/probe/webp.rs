//! The header of a WebP: the first chunk, and the EXIF chunk where one is
//! announced.

use std::io::{BufReader, Read, Seek};

use super::{Header, MAX_FRAMES, damaged, read_array, read_block};
use crate::exif;
use crate::{MediaError, MediaType};

/// The most chunks that are walked in search of the EXIF chunk; an animation
/// has one a frame before it.
const MAX_CHUNKS: u32 = 100_000;

/// Flags of the extended header.
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

pub(super) fn header<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Header, MediaError> {
    reader.seek_relative(12)?;
    let (kind, length) = chunk_start(reader)?;
    match &kind {
        b"VP8 " => lossy(reader),
        b"VP8L" => lossless(reader),
        b"VP8X" if length >= 10 => extended(reader, length),
        _ => Err(damaged(MediaType::WebP, "it begins with an unknown chunk")),
    }
}

fn lossy(reader: &mut impl Read) -> Result<Header, MediaError> {
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = read_array(reader)? else {
        return Err(damaged(
            MediaType::WebP,
            "its first frame has no start code",
        ));
    };
    if tag & 1 != 0 {
        return Err(damaged(
            MediaType::WebP,
            "its first frame is not a key frame",
        ));
    }
    // The upper two bits are a hint for scaling.
    Ok(Header {
        width: u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff),
        height: u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff),
        ..Header::default()
    })
}

fn lossless(reader: &mut impl Read) -> Result<Header, MediaError> {
    let [0x2f, bits @ ..] = read_array::<5>(reader)? else {
        return Err(damaged(MediaType::WebP, "its first frame has no signature"));
    };
    let bits = u32::from_le_bytes(bits);
    Ok(Header {
        width: (bits & 0x3fff) + 1,
        height: (bits >> 14 & 0x3fff) + 1,
        has_alpha: bits >> 28 & 1 == 1,
        ..Header::default()
    })
}

fn extended<S: Read + Seek>(reader: &mut BufReader<S>, length: u32) -> Result<Header, MediaError> {
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = read_array(reader)?;
    let mut found = Header {
        width: u32::from_le_bytes([w0, w1, w2, 0]) + 1,
        height: u32::from_le_bytes([h0, h1, h2, 0]) + 1,
        has_alpha: flags & ALPHA != 0,
        ..Header::default()
    };
    if flags & (EXIF | ANIMATION) == 0 {
        return Ok(found);
    }
    let mut frames = 0;
    reader.seek_relative(padded(length) - 10)?;
    for _ in 0..MAX_CHUNKS {
        // A file may promise more than it has: its pixels are no worse.
        let Ok((kind, length)) = chunk_start(reader) else {
            break;
        };
        match &kind {
            b"EXIF" if flags & EXIF != 0 => {
                found.orientation = exif::orientation(&read_block(reader, length.into())?);
                break;
            }
            b"ANMF" => frames += 1,
            _ => {}
        }
        let has_enough = frames >= MAX_FRAMES && flags & EXIF == 0;
        if has_enough {
            break;
        }
        reader.seek_relative(padded(length))?;
    }
    found.frames = frames;
    Ok(found)
}

/// A chunk's type and length.
fn chunk_start(reader: &mut impl Read) -> Result<([u8; 4], u32), MediaError> {
    let kind = read_array(reader)?;
    Ok((kind, u32::from_le_bytes(read_array(reader)?)))
}

/// Chunks begin at even offsets.
const fn padded(length: u32) -> i64 {
    length as i64 + (length & 1) as i64
}
