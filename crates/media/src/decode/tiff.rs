//! TIFF: its first picture, one row of strips or tiles at a time.
//!
//! Each chunk becomes eight-bit samples as it is decoded; what is in memory is
//! one row of chunks and the result. The kinds that the reader does not know
//! (palettes, faxes, colours stored one by one) go through ffmpeg.

use std::io::{BufReader, Cursor, Read, Seek};

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::{PlanarConfiguration, Tag};

use super::jpeg::cmyk_to_rgb;
use super::lzw::EdgeTiles;
use super::shrink::Shrinker;
use super::{Stored, Want, png};
use crate::colour::MAX_PROFILE_BYTES;
use crate::probe::tiff::{open, refusal};
use crate::probe::{damaged, probe};
use crate::subprocess::Programs;
use crate::{Budget, MediaError, MediaType, Probe, clip, colour};

/// How the samples of a chunk become pixels.
struct Reading {
    colour: ColorType,
    profile: Option<Vec<u8>>,
}

/// Decodes the first picture.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    match decode_here(source, facts, want, budget) {
        Err(unusable @ MediaError::Unusable { .. }) => {
            let made = decode_elsewhere(source, facts, want, budget, programs);
            // Why it could not be read here is of more use to the sender.
            made.map_err(|_| unusable)
        }
        result => result,
    }
}

fn decode_elsewhere(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    let file = budget.copy_whole(source)?;
    let mut made = Cursor::new(clip::rare_picture(&file, MediaType::Tiff, programs)?);
    let found = probe(&mut made, budget)?;
    if facts.orientation.turn_sides(found.width, found.height) != (facts.width, facts.height) {
        return Err(damaged(MediaType::Tiff, "it has two sizes"));
    }
    made.set_position(0);
    png::decode(&mut made, &found, want)
}

fn decode_here(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let mut decoder = open(BufReader::new(source), budget)?;
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    if facts.orientation.turn_sides(width, height) != (facts.width, facts.height) {
        return Err(damaged(MediaType::Tiff, "it has two headers"));
    }
    let reading = Reading::of(&mut decoder)?;
    let samples = reading.samples();
    let mut shrinker = Shrinker::new(width, height, samples, want);
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    if chunk_width == 0 || chunk_height == 0 {
        return Err(damaged(MediaType::Tiff, "its strips are empty"));
    }
    let edge_tiles = EdgeTiles::of(&mut decoder)?;
    let across = width.div_ceil(chunk_width);
    let stride = width as usize * samples;
    let mut band = Vec::new();
    for (line, top) in (0..height).step_by(chunk_height as usize).enumerate() {
        let rows = chunk_height.min(height - top) as usize;
        band.clear();
        band.resize(rows * stride, 0);
        for column in 0..across {
            let index = line as u32 * across + column;
            let columns = chunk_width.min(width - column * chunk_width) as usize;
            let chunk = match &edge_tiles {
                Some(tiles) if columns < chunk_width as usize => {
                    tiles.read(&mut decoder, index, columns)?
                }
                _ => decoder.read_chunk(index).map_err(refusal)?,
            };
            let pixels = reading.pixels(chunk, columns)?;
            let columns = columns * samples;
            let left = (column * chunk_width) as usize * samples;
            if pixels.len() < rows * columns {
                return Err(damaged(MediaType::Tiff, "rows are missing"));
            }
            let lines = band.chunks_exact_mut(stride);
            for (to, from) in lines.zip(pixels.chunks_exact(columns)) {
                to[left..left + columns].copy_from_slice(from);
            }
        }
        for row in band.chunks_exact(stride) {
            shrinker.add_row(row);
        }
    }
    Ok(Stored {
        // A profile of inks has done its work.
        profile: reading
            .profile
            .filter(|_| !matches!(reading.colour, ColorType::CMYK(_))),
        ..shrinker.finish()?
    })
}

impl Reading {
    fn of<S: Read + Seek>(decoder: &mut Decoder<S>) -> Result<Self, MediaError> {
        let colour = decoder.colortype().map_err(refusal)?;
        let planar = decoder
            .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
            .map_err(refusal)?;
        if planar == Some(PlanarConfiguration::Planar.to_u16())
            && !matches!(colour, ColorType::Gray(_) | ColorType::Palette(_))
        {
            return Err(unusable("each colour is stored on its own"));
        }
        let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
        Ok(Self {
            colour,
            profile: profile.filter(|profile| profile.len() <= MAX_PROFILE_BYTES),
        })
    }

    /// Samples a pixel after the reading.
    const fn samples(&self) -> usize {
        match self.colour {
            ColorType::Gray(_) => 1,
            ColorType::GrayA(_) => 2,
            ColorType::RGBA(_) => 4,
            _ => 3,
        }
    }

    /// The pixels in eight bits of a chunk with so many columns.
    fn pixels(&self, chunk: DecodingResult, columns: usize) -> Result<Vec<u8>, MediaError> {
        let mut bytes = eight_bits(chunk)?;
        match self.colour {
            // The decoder has turned what begins with white.
            ColorType::Gray(8 | 16 | 32)
            | ColorType::GrayA(_)
            | ColorType::RGB(_)
            | ColorType::RGBA(_) => {}
            ColorType::Gray(depth @ (1 | 2 | 4)) => {
                let brightest = 255 / ((1 << depth) - 1);
                bytes = unpack(&bytes, columns, depth);
                for sample in &mut bytes {
                    *sample *= brightest;
                }
            }
            ColorType::CMYK(_) => {
                let turned = colour::inks_to_srgb(&bytes, self.profile.as_deref());
                bytes = turned.unwrap_or_else(|| cmyk_to_rgb(&bytes));
            }
            ColorType::YCbCr(8) => ycbcr_to_rgb(&mut bytes),
            other => return Err(unusable(&format!("its pixels are of the kind {other:?}"))),
        }
        Ok(bytes)
    }
}

fn unusable(reason: &str) -> MediaError {
    MediaError::Unusable {
        format: MediaType::Tiff,
        reason: reason.to_owned(),
    }
}

/// The upper eight bits of whole numbers; 0 to 1 of the others.
fn eight_bits(chunk: DecodingResult) -> Result<Vec<u8>, MediaError> {
    let from_real = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    Ok(match chunk {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => samples.iter().map(|s| (s >> 8) as u8).collect(),
        DecodingResult::U32(samples) => samples.iter().map(|s| (s >> 24) as u8).collect(),
        DecodingResult::F32(samples) => samples.iter().map(|s| from_real(*s)).collect(),
        _ => return Err(unusable("its samples are of a rare kind")),
    })
}

/// Samples of fewer than eight bits, whose rows begin at whole bytes.
fn unpack(bytes: &[u8], columns: usize, depth: u8) -> Vec<u8> {
    let depth = usize::from(depth);
    let mask = (1u8 << depth) - 1;
    let stride = (columns * depth).div_ceil(8).max(1);
    let mut samples = Vec::with_capacity(bytes.len() * 8 / depth);
    for row in bytes.chunks_exact(stride) {
        samples.extend((0..columns).map(|column| {
            let bit = column * depth;
            row[bit / 8] >> (8 - depth - bit % 8) & mask
        }));
    }
    samples
}

/// JPEG's luma and chroma to light, in place.
fn ycbcr_to_rgb(pixels: &mut [u8]) {
    let (pixels, _) = pixels.as_chunks_mut::<3>();
    for pixel in pixels {
        let [luma, blue, red] = pixel.map(f32::from);
        let (blue, red) = (blue - 128.0, red - 128.0);
        let light = [
            luma + 1.402 * red,
            luma - 0.344_136 * blue - 0.714_136 * red,
            luma + 1.772 * blue,
        ];
        *pixel = light.map(|sample| sample.round().clamp(0.0, 255.0) as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tiff::encoder::{TiffEncoder, colortype};

    use super::*;
    use crate::{Picture, decode, sample, thumbnail};

    fn full(file: &[u8]) -> Result<Picture, MediaError> {
        decode(&mut Cursor::new(file), Want::Full, &Budget::default())
    }

    fn written<C>(width: u32, height: u32, samples: &[C::Inner]) -> Vec<u8>
    where
        C: colortype::ColorType,
        [C::Inner]: tiff::encoder::TiffValue,
    {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        encoder.write_image::<C>(width, height, samples).unwrap();
        file.into_inner()
    }

    #[test]
    fn every_kind_of_pixel_becomes_eight_bit_colour() {
        let rgb = full(&written::<colortype::RGB8>(2, 1, &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(rgb.pixels(), [1, 2, 3, 4, 5, 6]);
        let deep = written::<colortype::RGBA16>(1, 1, &[0x0102, 0x0304, 0x0506, 0xffff]);
        assert_eq!(full(&deep).unwrap().pixels(), [1, 3, 5, 255]);
        let grey = full(&written::<colortype::Gray8>(2, 1, &[9, 200])).unwrap();
        assert_eq!(grey.pixels(), [9, 9, 9, 200, 200, 200]);
        let real = written::<colortype::Gray32Float>(3, 1, &[-1.0, 0.5, f32::NAN]);
        assert_eq!(full(&real).unwrap().row(0)[..6], [0, 0, 0, 128, 128, 128]);
        let inks = full(&written::<colortype::CMYK8>(1, 1, &[0, 128, 255, 0])).unwrap();
        assert_eq!(inks.pixels(), [255, 127, 0]);
    }

    #[test]
    fn white_may_be_the_smallest_number_and_bits_may_be_packed() {
        let mut file = written::<colortype::Gray8>(2, 1, &[9, 200]);
        let tag = b"\x06\x01\x03\0\x01\0\0\0\x01";
        let at = file.windows(9).position(|part| part == tag).unwrap();
        file[at + 8] = 0;
        assert_eq!(full(&file).unwrap().pixels(), [246, 246, 246, 55, 55, 55]);
        assert_eq!(
            unpack(&[0b1010_0000, 0b0110_0000], 3, 1),
            [1, 0, 1, 0, 1, 1]
        );
        assert_eq!(unpack(&[0x1f, 0x20], 3, 4), [1, 15, 2]);
        assert_eq!(unpack(&[0b1101_1000], 3, 2), [3, 1, 2]);
    }

    #[test]
    fn tiles_strips_and_turns_are_put_together() {
        let plain = sample::Tiff::default();
        let picture = full(&plain.file()).unwrap();
        assert_eq!((picture.width(), picture.height()), (20, 10));
        let tiled = sample::Tiff {
            tile: Some((16, 16)),
            ..plain.clone()
        };
        assert!(full(&tiled.file()).unwrap() == picture);
        let striped = sample::Tiff {
            rows_per_strip: 3,
            ..plain.clone()
        };
        assert!(full(&striped.file()).unwrap() == picture);
        let turned = sample::Tiff {
            orientation: 6,
            ..plain
        };
        let turned = full(&turned.file()).unwrap();
        assert_eq!((turned.width(), turned.height()), (10, 20));
        assert_eq!(turned.row(0)[9 * 3..], picture.row(0)[..3]);
    }

    #[test]
    fn a_large_one_is_shrunk_while_it_is_read() {
        let photo = sample::photo(1500, 1000);
        let file = written::<colortype::RGB8>(1500, 1000, photo.pixels());
        let made = thumbnail(&mut Cursor::new(file), &Budget::default()).unwrap();
        assert_eq!((made.width, made.height), (512, 341));
    }

    #[test]
    fn what_a_header_announces_is_checked_before_anything_is_allocated() {
        let table = [
            sample::Tiff {
                announced: (60_000, 60_000),
                ..sample::Tiff::default()
            },
            sample::Tiff {
                announced: (u32::MAX, u32::MAX),
                ..sample::Tiff::default()
            },
            sample::Tiff {
                tile: Some((65_520, 65_520)),
                ..sample::Tiff::default()
            },
            sample::Tiff {
                tile: Some((u32::MAX - 15, u32::MAX - 15)),
                ..sample::Tiff::default()
            },
            sample::Tiff {
                tile: Some((0, 0)),
                ..sample::Tiff::default()
            },
        ];
        for bomb in table {
            let refused = full(&bomb.file());
            assert!(refused.is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        for tile in [None, Some((16, 16))] {
            let file = sample::Tiff {
                tile,
                ..sample::Tiff::default()
            }
            .file();
            for length in 0..file.len() - 16 {
                assert!(full(&file[..length]).is_err(), "{length} of {}", file.len());
            }
        }
    }

    proptest! {
        #[test]
        fn a_file_with_changed_bytes_is_judged(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            tiled in any::<bool>(),
        ) {
            let tile = tiled.then_some((16, 16));
            let mut file = sample::Tiff { tile, ..sample::Tiff::default() }.file();
            for (at, value) in &changes {
                let at = at.index(file.len());
                file[at] = *value;
            }
            let budget = Budget { max_pixels: 1_000_000, ..Budget::default() };
            if let Ok(picture) = decode(&mut Cursor::new(&file), Want::Full, &budget) {
                prop_assert!(picture.pixels().len() <= 4_000_000);
            }
        }
    }
}
