//! JPEG strips and tiles of a TIFF, through libjpeg-turbo.
//!
//! Each is a file of its own, but for the tables that all may share, and tells
//! sides of its own. They are held against those of the strip before anything
//! is allocated for them; the `tiff` crate would decode whatever they are.

use std::io::{Read, Seek, SeekFrom};

use tiff::ColorType;
use tiff::decoder::Decoder;
use tiff::tags::{CompressionMethod, PhotometricInterpretation, Tag};
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat};

use super::chunks::Chunks;
use super::unusable;
use crate::decode::jpeg::{MAX_SCANS, check_coefficients, decompress, refusal as jpeg_refusal};
use crate::probe::damaged;
use crate::probe::tiff::{MAX_CHUNK_BYTES, refusal};
use crate::{Budget, MediaError, MediaType};

/// The most bytes of the shared tables, which are read anew for each strip:
/// all that a JPEG can have at a time, twelve, take 2.8 KB.
const MAX_TABLES_BYTES: usize = 4 << 10;

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];

/// The decoder of all strips of a picture.
pub(super) struct JpegChunks {
    decompressor: Decompressor,
    /// What comes before the segments of each strip.
    prefix: Vec<u8>,
    format: PixelFormat,
    /// Whether 0 is white.
    is_inverted: bool,
    max_bytes: u64,
}

impl JpegChunks {
    /// `None` for strips that are no JPEGs.
    pub(super) fn of<S: Read + Seek>(
        decoder: &mut Decoder<S>,
        chunks: &Chunks,
        colour: ColorType,
        budget: &Budget,
    ) -> Result<Option<Self>, MediaError> {
        if !chunks.are(CompressionMethod::ModernJPEG) {
            return Ok(None);
        }
        let format = match colour {
            ColorType::Gray(8) => PixelFormat::GRAY,
            ColorType::RGB(8) | ColorType::YCbCr(8) => PixelFormat::RGB,
            // libjpeg hands over any four samples as they are under this name.
            ColorType::RGBA(8) | ColorType::CMYK(8) => PixelFormat::CMYK,
            other => {
                return Err(unusable(&format!(
                    "its JPEG strips are of the kind {other:?}"
                )));
            }
        };
        let tables = decoder.find_tag(Tag::JPEGTables).map_err(refusal)?;
        let tables = tables.map(tiff::decoder::ifd::Value::into_u8_vec);
        let tables = tables.transpose().map_err(refusal)?.unwrap_or_default();
        if tables.len() > MAX_TABLES_BYTES {
            return Err(unusable(&format!(
                "the tables of its JPEG strips have {} bytes, the limit is {MAX_TABLES_BYTES}",
                tables.len()
            )));
        }
        let photometric = decoder
            .find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)
            .map_err(refusal)?;
        let mut decompressor = Decompressor::new().map_err(jpeg_refusal)?;
        decompressor
            .set_scan_limit(MAX_SCANS)
            .map_err(jpeg_refusal)?;
        Ok(Some(Self {
            decompressor,
            prefix: prefix(&tables, matches!(colour, ColorType::YCbCr(_)))?,
            format,
            is_inverted: photometric == Some(PhotometricInterpretation::WhiteIsZero.to_u16()),
            max_bytes: budget.max_bytes,
        }))
    }

    /// So many columns of a strip that is as large as `sides` at the most, row
    /// by row: light for luma and chroma, all else as it is stored.
    pub(super) fn read(
        &mut self,
        source: &mut (impl Read + Seek),
        place: (u64, u64),
        columns: u32,
        sides: (u32, u32),
    ) -> Result<Vec<u8>, MediaError> {
        let jpeg = self.whole(source, place)?;
        let header = self
            .decompressor
            .read_header(&jpeg)
            .map_err(|error| of_strip(jpeg_refusal(error)))?;
        self.check(&header, columns, sides)?;
        check_coefficients(&header, &jpeg).map_err(of_strip)?;
        let size = self.format.size();
        // A tile may well be larger than the picture that it is cut down to.
        if header.width * header.height * size > MAX_CHUNK_BYTES {
            return Err(refusal(tiff::TiffError::LimitsExceeded));
        }
        let mut image = Image {
            pixels: vec![0; header.width * header.height * size],
            width: header.width,
            pitch: header.width * size,
            height: header.height,
            format: self.format,
        };
        decompress(&mut self.decompressor, &jpeg, image.as_deref_mut()).map_err(of_strip)?;
        let mut samples = image.pixels;
        if self.is_inverted {
            for sample in &mut samples {
                *sample = !*sample;
            }
        }
        if header.width == columns as usize {
            return Ok(samples);
        }
        let rows = samples.chunks_exact(header.width * size);
        let kept = rows.flat_map(|row| &row[..columns as usize * size]);
        Ok(kept.copied().collect())
    }

    /// A strip as a file of its own.
    fn whole(
        &self,
        source: &mut (impl Read + Seek),
        (offset, length): (u64, u64),
    ) -> Result<Vec<u8>, MediaError> {
        if length > self.max_bytes {
            return Err(unusable(&format!(
                "a part of it has {length} bytes of JPEG, the limit is {}; save it in smaller strips",
                self.max_bytes
            )));
        }
        source.seek(SeekFrom::Start(offset))?;
        let mut start = [0; 2];
        source.read_exact(&mut start)?;
        if start != START {
            return Err(damaged(MediaType::Tiff, "one of its JPEG strips is none"));
        }
        let mut jpeg = self.prefix.clone();
        source
            .take(length.saturating_sub(2))
            .read_to_end(&mut jpeg)?;
        Ok(jpeg)
    }

    /// Refuses a strip that is not of the picture's kind, or larger than its place.
    /// The last one may go on below the picture.
    fn check(
        &self,
        header: &DecompressHeader,
        columns: u32,
        (width, height): (u32, u32),
    ) -> Result<(), MediaError> {
        let is_of_kind = match header.colorspace {
            Colorspace::Gray => self.format == PixelFormat::GRAY,
            Colorspace::RGB | Colorspace::YCbCr => self.format == PixelFormat::RGB,
            Colorspace::CMYK | Colorspace::YCCK => self.format == PixelFormat::CMYK,
        };
        if !is_of_kind {
            return Err(damaged(
                MediaType::Tiff,
                "one of its JPEG strips has other colours than the picture",
            ));
        }
        let is_too_large = header.width > width as usize || header.height > height as usize;
        if is_too_large || header.width < columns as usize {
            return Err(damaged(
                MediaType::Tiff,
                format!(
                    "one of its JPEG strips is {}×{}, and its place {width}×{height}",
                    header.width, header.height
                ),
            ));
        }
        Ok(())
    }
}

/// The start of a JPEG, up to where the segments of a strip come.
fn prefix(tables: &[u8], is_luma: bool) -> Result<Vec<u8>, MediaError> {
    // Adobe's segment, whose last byte tells what three samples are: libjpeg
    // would else go by the names that they happen to have.
    const ADOBE: &[u8] = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0";
    let mut prefix = [&START, ADOBE, &[u8::from(is_luma)]].concat();
    if !tables.is_empty() {
        let Some(tables) = tables.strip_prefix(&START) else {
            return Err(damaged(
                MediaType::Tiff,
                "the tables of its JPEG strips are none",
            ));
        };
        prefix.extend_from_slice(tables.strip_suffix(&END).unwrap_or(tables));
    }
    Ok(prefix)
}

/// What is wrong with a JPEG is wrong with the file that has it.
fn of_strip(error: MediaError) -> MediaError {
    match error {
        MediaError::Damaged { reason, .. } => {
            damaged(MediaType::Tiff, format!("a JPEG strip of it: {reason}"))
        }
        MediaError::Unusable { reason, .. } => unusable(&format!("a JPEG strip of it: {reason}")),
        other => other,
    }
}
