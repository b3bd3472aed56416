//! Enlarges a picture two to four times, with crisp edges and no halos.
//!
//! A Lanczos filter first; then what the enlarged picture would look like when
//! it is made small again is held against the original, and the difference put
//! back, twice (back-projection): that returns the detail that the filter lost.
//! Edges are smoothed along themselves, which takes the stairs out of them, and
//! sharpened across, never beyond the colours found around the place.
//!
//! The picture is worked on in tiles with some pixels around each, so that no
//! numbers but those of two tiles are ever held.

mod edges;
mod filter;

use crate::rows::each_row;
use crate::{Channels, MediaError, Picture};
use filter::{Block, Filter};

/// The most pixels of a result: 64 megapixels are 8000×8000.
pub const MAX_PIXELS: u64 = 64_000_000;
/// By how much a picture can be enlarged.
pub const SCALES: std::ops::RangeInclusive<u32> = 2..=4;

/// The rows and columns of the original that are worked on at once.
const TILE: (usize, usize) = (128, 64);
/// The pixels around a tile that its own depend on.
const AROUND: usize = 12;

/// Enlarges a picture by a scale of [`SCALES`]. Alpha is enlarged with it. `None`
/// when `should_stop` said so on the way; it is asked for each strip.
///
/// # Errors
/// [`MediaError::ScaleTooLarge`] when the result would have more than
/// [`MAX_PIXELS`], or the scale is none of those.
pub fn upscale(
    picture: &Picture,
    scale: u32,
    should_stop: impl Fn() -> bool + Sync,
) -> Result<Option<Picture>, MediaError> {
    check(picture.width(), picture.height(), scale)?;
    let (wide, high) = (picture.width() * scale, picture.height() * scale);
    let filter = Filter::lanczos(scale as usize);
    let stride = wide as usize * picture.channels().count();
    let mut pixels = vec![0; stride * high as usize];
    each_row(&mut pixels, stride * filter.scale * TILE.1, |at, strip| {
        if should_stop() {
            return;
        }
        for first in (0..picture.width() as usize).step_by(TILE.0) {
            let made = enlarge(picture, (first, at * TILE.1), &filter);
            write(
                &made,
                picture.channels(),
                filter.scale,
                strip,
                (first, stride),
            );
        }
    });
    if should_stop() {
        return Ok(None);
    }
    Picture::new(wide, high, picture.channels(), pixels).map(Some)
}

fn check(width: u32, height: u32, scale: u32) -> Result<(), MediaError> {
    let pixels = u64::from(width) * u64::from(height);
    let fits = |scale: u32| {
        pixels.saturating_mul(u64::from(scale).pow(2)) <= MAX_PIXELS
            && width.max(height).saturating_mul(scale) <= 65_535
    };
    if SCALES.contains(&scale) && fits(scale) {
        return Ok(());
    }
    Err(MediaError::ScaleTooLarge {
        width,
        height,
        scale,
        max_pixels: MAX_PIXELS,
        largest: SCALES.rev().find(|scale| fits(*scale)),
    })
}

/// One tile of the result and what lies around it.
fn enlarge(picture: &Picture, first: (usize, usize), filter: &Filter) -> Block {
    let original = read(picture, first);
    let mut large = filter.enlarge(&original);
    for _ in 0..2 {
        let lost = original.less(&filter.shrink(&large));
        large.add(&filter.enlarge(&lost));
    }
    edges::refine(&large, &original, filter.scale)
}

/// The pixels of a tile and those around it; beyond the picture its edges go
/// on. Colours are weighted by alpha.
fn read(picture: &Picture, (left, top): (usize, usize)) -> Block {
    let bytes = picture.channels().count();
    let mut block = Block::new(TILE.0 + 2 * AROUND, TILE.1 + 2 * AROUND, bytes);
    let within = |at: usize, side: u32| at.saturating_sub(AROUND).min(side as usize - 1);
    for (y, row) in block.rows_mut().enumerate() {
        let source = picture.row(within(top + y, picture.height()) as u32);
        for (x, target) in row.chunks_exact_mut(bytes).enumerate() {
            let at = within(left + x, picture.width()) * bytes;
            let pixel = &source[at..at + bytes];
            let alpha = pixel.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
            for (channel, (target, source)) in target.iter_mut().zip(pixel).enumerate() {
                let weight = if channel == 3 { 1.0 } else { alpha };
                *target = f32::from(*source) * weight;
            }
        }
    }
    block
}

/// Writes a tile into its strip of the result, `left` pixels of the original
/// from the edge.
fn write(
    block: &Block,
    channels: Channels,
    scale: usize,
    strip: &mut [u8],
    (left, stride): (usize, usize),
) {
    let bytes = channels.count();
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let skipped = AROUND * scale;
    for (y, row) in strip.chunks_exact_mut(stride).enumerate() {
        let source = &block.row(skipped + y)[skipped * bytes..];
        let target = row[left * scale * bytes..].chunks_exact_mut(bytes);
        let tile = source.chunks_exact(bytes).take(TILE.0 * scale);
        for (target, source) in target.zip(tile) {
            let alpha = source
                .get(3)
                .map_or(1.0, |alpha| alpha.clamp(0.0, 255.0) / 255.0);
            for (channel, (target, source)) in target.iter_mut().zip(source).enumerate() {
                *target = match channel {
                    3 => byte(*source),
                    _ if alpha < 0.002 => 0,
                    _ => byte(*source / alpha),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
