//! Facts of a picture from its header, without decoding a pixel.
//!
//! [`probe`] is what stands between a file and every decoder: it refuses a
//! picture that is over the [`Budget`] before anything is allocated for it. Its
//! work is bounded by the number of segments before the pixels and of frames,
//! not by what the header announces.

mod bmp;
pub(crate) mod gif;
pub(crate) mod heif;
pub(crate) mod jpeg;
mod png;
pub(crate) mod svg;
pub(crate) mod tiff;
pub(crate) mod webp;

use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use crate::orient::Orientation;
use crate::sniff::{HEAD_BYTES, sniff};
use crate::subprocess::Output;
use crate::{Budget, MediaError, MediaType};

/// Frames beyond these are not counted, so that a file of many small ones
/// costs no more than a walk over this number of headers.
pub const MAX_FRAMES: u32 = 10_000;

/// What a picture's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The type of the file.
    pub media_type: MediaType,
    /// The width in pixels, seen upright.
    pub width: u32,
    /// The height in pixels, seen upright.
    pub height: u32,
    /// Whether pixels may be transparent.
    pub has_alpha: bool,
    /// Whether there is more than one frame; the first is the one decoded.
    pub animated: bool,
    /// How many frames there are, counted up to [`MAX_FRAMES`].
    pub frames: u32,
    /// How the stored pixels have to be turned; decoders do so.
    pub orientation: Orientation,
}

/// What the readers of the formats find: sides as stored, before any turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) has_alpha: bool,
    /// 0 where nobody counted: then it is one.
    pub(crate) frames: u32,
    pub(crate) orientation: Orientation,
}

/// Reads the header of the picture that begins at the source's start.
///
/// # Errors
/// [`MediaError::Unsupported`] for other types, [`MediaError::TooManyPixels`]
/// over the budget, [`MediaError::Damaged`] for a header that ends early or
/// contradicts itself, [`MediaError::Unusable`] for a feature that is not taken,
/// [`MediaError::Read`] when the source fails.
pub fn probe(source: &mut (impl Read + Seek), budget: &Budget) -> Result<Probe, MediaError> {
    source.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(HEAD_BYTES, source);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    (&mut reader)
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    reader.rewind()?;
    let found = sniff(&head).media_type;
    let (Some(media_type), header) = (match found {
        Some(MediaType::Jpeg) => (found, jpeg::header(&mut reader)),
        Some(MediaType::Png) => (found, png::header(&mut reader, budget)),
        Some(MediaType::WebP) => (found, webp::header(&mut reader)),
        Some(MediaType::Gif) => (found, gif::header(&mut reader)),
        Some(kind @ (MediaType::Avif | MediaType::Heic)) => {
            (found, heif::header(&mut reader, kind))
        }
        Some(MediaType::Bmp) => (found, bmp::header(&mut reader)),
        Some(MediaType::Tiff) => (found, tiff::header(&mut reader, budget)),
        Some(MediaType::Svg) => (found, svg_header(&mut reader)),
        _ => (None, Err(MediaError::Unsupported { found })),
    }) else {
        return Err(MediaError::Unsupported { found });
    };
    let header = header.map_err(|error| ended_early(media_type, error))?;
    if header.width == 0 || header.height == 0 {
        return Err(damaged(media_type, "a side is zero pixels long"));
    }
    budget.check(header.width, header.height)?;
    let (width, height) = header.orientation.turn_sides(header.width, header.height);
    Ok(Probe {
        media_type,
        width,
        height,
        has_alpha: header.has_alpha,
        animated: header.frames > 1,
        frames: header.frames.clamp(1, MAX_FRAMES),
        orientation: header.orientation,
    })
}

/// An SVG that tells no size has the one that CSS gives to such.
fn svg_header<S: Read + Seek>(reader: &mut BufReader<S>) -> Result<Header, MediaError> {
    let (width, height) = svg::sides(reader)?.unwrap_or((300, 150));
    Ok(Header {
        width,
        height,
        has_alpha: true,
        ..Header::default()
    })
}

/// A file that ends where more is due is damaged, not unreadable.
pub(crate) fn ended_early(format: MediaType, error: MediaError) -> MediaError {
    match error {
        MediaError::Read(cause) if cause.kind() == ErrorKind::UnexpectedEof => {
            damaged(format, "it ends too early")
        }
        other => other,
    }
}

pub(crate) fn damaged(format: MediaType, reason: impl Into<String>) -> MediaError {
    MediaError::Damaged {
        format,
        reason: reason.into(),
    }
}

/// What a program's refusal means for the sender of the file.
pub(crate) fn refused_by(format: MediaType, done: &Output) -> MediaError {
    let complaint = done.complaint();
    if complaint.is_empty() {
        return damaged(format, "it cannot be read");
    }
    damaged(format, complaint)
}

/// Reads exactly `N` bytes.
fn read_array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], MediaError> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads a block of at most [`crate::exif::MAX_BYTES`], and as much as there is.
fn read_block(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, MediaError> {
    let mut block = Vec::new();
    let length = length.min(crate::exif::MAX_BYTES);
    reader.take(length).read_to_end(&mut block)?;
    Ok(block)
}

#[cfg(test)]
mod tests;
