//! TIFF: its first picture, one row of strips or tiles at a time.
//!
//! Each chunk becomes eight-bit samples as it is decoded; what is in memory is
//! one row of chunks and the result. What all chunks cost together is known
//! before the first is read ([`chunks`]). The kinds that the reader does not
//! know (palettes, faxes, colours stored one by one) go through ffmpeg.

pub(super) mod chunks;
mod jpeg;
pub(super) mod window;

use std::io::{BufReader, Cursor, Read, Seek};

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::{PlanarConfiguration, Tag};

use self::chunks::Chunks;
use self::jpeg::JpegChunks;
use self::window::Window;
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

/// Who reads the samples of a chunk.
struct Readers<'a> {
    chunks: &'a Chunks,
    /// Where they are JPEGs.
    jpegs: Option<JpegChunks>,
    /// Where they are tiles that the library reads amiss at the edge.
    edge_tiles: Option<EdgeTiles>,
}

impl Readers<'_> {
    /// The samples of a chunk of which `columns` belong to the picture.
    fn read<S: Read + Seek>(
        &mut self,
        decoder: &mut Decoder<Window<S>>,
        index: u32,
        columns: usize,
    ) -> Result<DecodingResult, MediaError> {
        self.chunks.aim(decoder, index)?;
        let sides = decoder.chunk_dimensions();
        match (&mut self.jpegs, &self.edge_tiles) {
            (Some(jpegs), _) => {
                let place = self.chunks.place(index)?;
                let samples = jpegs.read(decoder.inner(), place, columns as u32, sides)?;
                Ok(DecodingResult::U8(samples))
            }
            (_, Some(tiles)) if columns < sides.0 as usize => {
                tiles.read(decoder, self.chunks.place(index)?, columns)
            }
            _ => decoder.read_chunk(index).map_err(refusal),
        }
    }
}

/// Decodes the first picture.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    let opened = open(Window::new(BufReader::new(&mut *source)), budget);
    let here = match opened {
        Ok(mut decoder) => {
            // What is refused for its cost goes to no other program either.
            let chunks = Chunks::of(&mut decoder, budget)?;
            decode_here(decoder, &chunks, facts, want, budget)
        }
        Err(refused) => Err(refused),
    };
    match here {
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

fn decode_here<S: Read + Seek>(
    mut decoder: Decoder<Window<S>>,
    chunks: &Chunks,
    facts: &Probe,
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    if facts.orientation.turn_sides(width, height) != (facts.width, facts.height) {
        return Err(damaged(MediaType::Tiff, "it has two headers"));
    }
    let mut reading = Reading::of(&mut decoder)?;
    let jpegs = JpegChunks::of(&mut decoder, chunks, reading.colour, budget)?;
    if jpegs.is_some() && matches!(reading.colour, ColorType::YCbCr(_)) {
        // Then libjpeg makes light of luma and chroma.
        reading.colour = ColorType::RGB(8);
    }
    let samples = reading.samples();
    let mut shrinker = Shrinker::new(width, height, samples, want);
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    let mut readers = Readers {
        edge_tiles: EdgeTiles::of(&mut decoder, chunks)?,
        chunks,
        jpegs,
    };
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
            let chunk = readers.read(&mut decoder, index, columns)?;
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
mod hostile;
#[cfg(test)]
mod tests;
