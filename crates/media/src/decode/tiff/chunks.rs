//! Where the strips or tiles of a TIFF lie, and what all of them cost.
//!
//! A directory may send every strip to the same bytes, so that a small file
//! asks for the work of a hundred thousand large ones; no strip shows that by
//! itself. [`Chunks::of`] adds all that are packed up before the first one is
//! read, and [`Chunks::aim`] lets none be read beyond the length that was added.

use std::io::{Read, Seek, SeekFrom};

use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::{CompressionMethod, Tag};

use super::unusable;
use super::window::Window;
use crate::probe::damaged;
use crate::probe::tiff::{MAX_CHUNK_BYTES, refusal};
use crate::{Budget, MediaError, MediaType};

/// The most bytes that a pixel of the budget takes before it is of eight bits,
/// counting what is cut off again: sixteen for the largest kind that is read,
/// and as many for tiles that reach over the edges and for further samples.
const MAX_PIXEL_BYTES: u64 = 32;

/// The pixels of the smallest tile that the format has, of 16 a side. Each tile
/// costs about what a thousand pixels do, whatever its size.
const MIN_TILE_PIXELS: u64 = 256;

/// The strips or tiles of a picture, in the order of the file.
pub(crate) struct Chunks {
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    compression: u16,
    /// The length of the file.
    file: u64,
}

impl Chunks {
    /// Finds them, and refuses those that would cost more than a picture of the
    /// budget can.
    pub(super) fn of<S: Read + Seek>(
        decoder: &mut Decoder<S>,
        budget: &Budget,
    ) -> Result<Self, MediaError> {
        let (offsets, lengths, word) = match decoder.get_chunk_type() {
            ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts, "strips"),
            ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts, "tiles"),
        };
        let mut list = |tag| {
            let found = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(refusal)?;
            Ok::<_, MediaError>(found.unwrap_or_default())
        };
        let (offsets, lengths) = (list(offsets)?, list(lengths)?);
        let unpacked = unpacked_bytes(decoder, budget)?;
        let file = decoder.inner().seek(SeekFrom::End(0))?;
        // A sum that does not fit its number is more than any file has.
        let together = lengths
            .iter()
            .fold(0u64, |sum, length| sum.saturating_add(*length));
        let compression = decoder
            .find_tag_unsigned(Tag::Compression)
            .map_err(refusal)?
            .unwrap_or(CompressionMethod::None.to_u16());
        let is_packed = compression != CompressionMethod::None.to_u16();
        // Strips that are the same may well be stored once, as empty ones are;
        // but nothing is gained by packing pixels into more bytes than they are.
        if is_packed && together > file.max(unpacked) {
            return Err(damaged(
                MediaType::Tiff,
                format!(
                    "its {} {word} have {together} bytes together, and the file has {file}",
                    lengths.len()
                ),
            ));
        }
        Ok(Self {
            offsets,
            lengths,
            compression,
            file,
        })
    }

    /// Whether they are compressed in this way.
    pub(crate) fn are(&self, method: CompressionMethod) -> bool {
        self.compression == method.to_u16()
    }

    /// Where a chunk begins, and how many bytes it has.
    pub(crate) fn place(&self, index: u32) -> Result<(u64, u64), MediaError> {
        let index = index as usize;
        match (self.offsets.get(index), self.lengths.get(index)) {
            // No system finds a place that is behind all numbers.
            (Some(offset), _) if *offset > self.file => {
                Err(damaged(MediaType::Tiff, "a part of it lies behind its end"))
            }
            (Some(offset), Some(length)) => Ok((*offset, *length)),
            _ => Err(damaged(MediaType::Tiff, "a part of it is missing")),
        }
    }

    /// Lets the decoder read no further than to a chunk's end.
    pub(super) fn aim<S: Read + Seek>(
        &self,
        decoder: &mut Decoder<Window<S>>,
        index: u32,
    ) -> Result<(), MediaError> {
        let (offset, length) = self.place(index)?;
        // Of plain pixels just those are read that are due, and some files give
        // them a wrong length.
        let end = if self.are(CompressionMethod::None) {
            u64::MAX
        } else {
            offset.saturating_add(length)
        };
        decoder.inner().end_at(end);
        Ok(())
    }
}

/// The bytes of all pixels that are unpacked on the way to those of the picture.
fn unpacked_bytes<S: Read + Seek>(
    decoder: &mut Decoder<S>,
    budget: &Budget,
) -> Result<u64, MediaError> {
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    if chunk_width == 0 || chunk_height == 0 {
        return Err(damaged(MediaType::Tiff, "its strips are empty"));
    }
    let samples = decoder
        .find_tag_unsigned::<u16>(Tag::SamplesPerPixel)
        .map_err(refusal)?
        .unwrap_or(1);
    // The decoder has seen to it that all samples have the same.
    let bits = decoder
        .find_tag_unsigned_vec::<u16>(Tag::BitsPerSample)
        .map_err(refusal)?
        .and_then(|bits| bits.first().copied())
        .unwrap_or(1);
    let across = u64::from(width.div_ceil(chunk_width));
    let down = u64::from(height.div_ceil(chunk_height));
    // The last strip ends with the picture; a tile is always whole.
    let rows = match decoder.get_chunk_type() {
        ChunkType::Strip => u64::from(height),
        ChunkType::Tile => down * u64::from(chunk_height),
    };
    let count = across * down;
    let chunk = u64::from(chunk_width) * u64::from(chunk_height);
    // A strip for each row is usual, and there are no more of them than rows.
    if count > u64::from(budget.max_side) && chunk < MIN_TILE_PIXELS {
        return Err(unusable(&format!(
            "it is cut into {count} parts; save it with tiles of 16×16 pixels or more"
        )));
    }
    // Below 2^32, 2^16 and 2^16: no overflow.
    let row = (u64::from(chunk_width) * u64::from(samples))
        .saturating_mul(u64::from(bits))
        .div_ceil(8);
    if row > MAX_CHUNK_BYTES as u64 {
        return Err(refusal(tiff::TiffError::LimitsExceeded));
    }
    let bytes = row.saturating_mul(across).saturating_mul(rows);
    let most = budget.max_pixels.saturating_mul(MAX_PIXEL_BYTES);
    if bytes > most {
        return Err(unusable(&format!(
            "it would need {} MB unpacked, the limit is {}; save it with smaller tiles or fewer channels",
            bytes / 1_000_000,
            most / 1_000_000
        )));
    }
    Ok(bytes)
}
