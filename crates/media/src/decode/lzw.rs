//! LZW tiles of a TIFF that reach over its right edge.
//!
//! `tiff` 0.11 reads such a tile row by row, and takes the moment at which all
//! of its input has been read, but not yet all been decoded, for its end. Here
//! a tile is decoded in one go. With `weezl` 0.2 below `tiff`, this file can go.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use tiff::decoder::{ChunkType, Decoder, DecodingResult};
use tiff::tags::{ByteOrder, CompressionMethod, PhotometricInterpretation, Predictor, Tag};
use weezl::BitOrder;
use weezl::decode::Configuration;

use super::tiff::chunks::Chunks;
use crate::MediaError;
use crate::MediaType;
use crate::probe::damaged;
use crate::probe::tiff::{MAX_CHUNK_BYTES, refusal};

/// What is in the tiles.
pub(super) struct EdgeTiles {
    /// Samples across a whole tile, and the rows of one.
    stride: usize,
    rows: usize,
    /// Samples a pixel.
    samples: usize,
    is_deep: bool,
    is_predicted: bool,
}

impl EdgeTiles {
    /// `None` for a file whose tiles the decoder reads itself, or refuses.
    pub(super) fn of<S: Read + Seek>(
        decoder: &mut Decoder<S>,
        chunks: &Chunks,
    ) -> Result<Option<Self>, MediaError> {
        let mut number = |tag| decoder.find_tag_unsigned::<u32>(tag).map_err(refusal);
        let predictor = number(Tag::Predictor)?.unwrap_or(1);
        let format = number(Tag::SampleFormat).ok().flatten().unwrap_or(1);
        let photometric = number(Tag::PhotometricInterpretation)?;
        let samples = number(Tag::SamplesPerPixel)?.unwrap_or(1);
        let bits = decoder
            .find_tag_unsigned_vec::<u16>(Tag::BitsPerSample)
            .map_err(refusal)?
            .unwrap_or_default();
        let is_deep = bits.iter().all(|bits| *bits == 16);
        let is_plain = is_deep || bits.iter().all(|bits| *bits == 8);
        let horizontal = u32::from(Predictor::Horizontal.to_u16());
        let white_first = u32::from(PhotometricInterpretation::WhiteIsZero.to_u16());
        let is_ours = decoder.get_chunk_type() == ChunkType::Tile
            && chunks.are(CompressionMethod::LZW)
            && (predictor == 1 || predictor == horizontal)
            && format == 1
            && photometric != Some(white_first)
            && bits.len() == samples as usize
            && (1..=4).contains(&samples)
            && is_plain;
        if !is_ours {
            return Ok(None);
        }
        let (width, height) = decoder.chunk_dimensions();
        let samples = samples as usize;
        Ok(Some(Self {
            stride: (width as usize).saturating_mul(samples),
            rows: height as usize,
            samples,
            is_deep,
            is_predicted: predictor == horizontal,
        }))
    }

    /// The samples of so many columns of a tile, row by row.
    pub(super) fn read<S: Read + Seek>(
        &self,
        decoder: &mut Decoder<S>,
        place: (u64, u64),
        columns: usize,
    ) -> Result<DecodingResult, MediaError> {
        let order = decoder.byte_order();
        let bytes = self.decoded(decoder.inner(), place)?;
        let columns = columns * self.samples;
        if self.is_deep {
            let (pairs, _) = bytes.as_chunks::<2>();
            let number = |pair: &[u8; 2]| match order {
                ByteOrder::LittleEndian => u16::from_le_bytes(*pair),
                ByteOrder::BigEndian => u16::from_be_bytes(*pair),
            };
            let samples: Vec<u16> = pairs.iter().map(number).collect();
            return Ok(DecodingResult::U16(self.cut(
                &samples,
                columns,
                u16::wrapping_add,
            )));
        }
        Ok(DecodingResult::U8(self.cut(
            &bytes,
            columns,
            u8::wrapping_add,
        )))
    }

    /// A tile as it was before it was compressed.
    fn decoded(
        &self,
        source: &mut (impl Read + Seek),
        (offset, length): (u64, u64),
    ) -> Result<Vec<u8>, MediaError> {
        let depth = 1 + usize::from(self.is_deep);
        let size = self.stride.saturating_mul(self.rows).saturating_mul(depth);
        if size > MAX_CHUNK_BYTES {
            return Err(refusal(tiff::TiffError::LimitsExceeded));
        }
        source.seek(SeekFrom::Start(offset))?;
        // No more is read than what fills the tile.
        let mut packed = BufReader::new(source.take(length));
        let mut bytes = vec![0; size];
        let mut lzw = Configuration::with_tiff_size_switch(BitOrder::Msb, 8)
            .with_yield_on_full_buffer(true)
            .build();
        let mut written = 0;
        while written < size {
            // At the end of what is packed, some of it may still be due.
            let done = lzw.decode_bytes(packed.fill_buf()?, &mut bytes[written..]);
            done.status
                .map_err(|error| damaged(MediaType::Tiff, error.to_string()))?;
            if (done.consumed_in, done.consumed_out) == (0, 0) {
                return Err(damaged(MediaType::Tiff, "a tile ends too early"));
            }
            packed.consume(done.consumed_in);
            written += done.consumed_out;
        }
        Ok(bytes)
    }

    /// The first columns of each row, which may be differences to the pixel
    /// before.
    fn cut<T: Copy>(&self, tile: &[T], columns: usize, add: fn(T, T) -> T) -> Vec<T> {
        let mut kept = Vec::with_capacity(columns * self.rows);
        for row in tile.chunks_exact(self.stride.max(1)) {
            let start = kept.len();
            kept.extend_from_slice(&row[..columns.min(row.len())]);
            if self.is_predicted {
                for at in start + self.samples..kept.len() {
                    kept[at] = add(kept[at], kept[at - self.samples]);
                }
            }
        }
        kept
    }
}
