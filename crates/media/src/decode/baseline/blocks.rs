//! Blocks of a JPEG as pixels, sixteen at once, in an eighth to a half of their size.
//!
//! The lowest coefficients of a block are those of the same block made small, so
//! the small transform does both: of four by four coefficients it is the one of
//! VP8. Coefficients are bounded before it, so that no file can exceed sixteen
//! bits in it.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::ZIGZAG;
use super::row::ROOM;
use crate::vp8::block::{Blocks, restore};

/// Pixels that are written at once.
const QUAD: usize = 4;

/// Blocks that are turned into pixels at once.
const LANES: usize = 16;

/// The coefficients that are kept: those of a small scale first, each with its
/// number in the file, counted from 1, and its place among sixteen.
const KEPT: [(u8, u8); 16] = {
    let mut kept = [(0, 0); 16];
    let mut count = 0;
    let mut scale = 0;
    while scale < 4 {
        let mut at = 0;
        while at < 64 {
            let (x, y) = (ZIGZAG[at] % 8, ZIGZAG[at] / 8);
            if (x == scale && y <= scale) || (y == scale && x < scale) {
                kept[count] = (at as u8 + 1, y * 4 + x);
                count += 1;
            }
            at += 1;
        }
        scale += 1;
    }
    kept
};

/// What has to be made zero of a block again, at least: all of [`KEPT`].
const TAKEN: usize = 32;

/// The largest coefficient that is believed; those of pictures are half of it.
const MOST: i16 = 2047;

/// Blocks that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Batch {
    coefficients: [[i16; LANES]; 16],
    offsets: [usize; LANES],
    count: usize,
}

impl Batch {
    /// Takes the coefficients of a block that will be drawn at `offset`, as many
    /// as `scale` has use for, and leaves zeros; answers whether there is room for
    /// no other.
    #[inline(always)]
    pub(super) fn take(&mut self, scale: usize, offset: usize, block: &mut [i16; ROOM]) -> bool {
        match scale {
            1 => self.keep::<1>(block),
            2 => self.keep::<4>(block),
            3 => self.keep::<9>(block),
            _ => self.keep::<16>(block),
        }
        block[..TAKEN].fill(0);
        self.offsets[self.count % LANES] = offset;
        self.count += 1;
        self.count == LANES
    }

    #[inline(always)]
    fn keep<const COUNT: usize>(&mut self, block: &[i16; ROOM]) {
        let lane = self.count % LANES;
        for (number, place) in KEPT.into_iter().take(COUNT) {
            self.coefficients[usize::from(place)][lane] = block[usize::from(number)];
        }
    }
}

/// A component while it is drawn.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) pixels: Vec<u8>,
    /// The pixels of a line, and from one line to the next.
    pub(super) width: usize,
    pub(super) stride: usize,
    /// Pixels of a block to a side, from 1 to 4.
    pub(super) scale: usize,
    divisors: [i16; 16],
    /// The largest coefficient of each place that is believed.
    most: [i16; 16],
}

impl Scaled {
    pub(super) fn new(scale: usize, across: usize, down: usize, quantiser: &[i16; 64]) -> Self {
        let mut divisors = [0; 16];
        let mut most = [0; 16];
        for (place, divisor) in ZIGZAG.into_iter().zip(quantiser) {
            let (x, y) = (usize::from(place % 8), usize::from(place / 8));
            if x < scale && y < scale {
                divisors[y * 4 + x] = *divisor;
                most[y * 4 + x] = MOST / (*divisor).max(1);
            }
        }
        let width = across * scale;
        let stride = width + QUAD;
        Self {
            pixels: vec![0; stride * down * scale],
            width,
            stride,
            scale,
            divisors,
            most,
        }
    }

    /// Where the block in this column and row begins.
    #[inline(always)]
    pub(super) const fn offset(&self, column: usize, row: usize) -> usize {
        row * self.scale * self.stride + column * self.scale
    }

    /// Draws the blocks that wait.
    #[inline(always)]
    pub(super) fn draw(&mut self, batch: &mut Batch) {
        let blocks = self.believed(batch);
        let offsets = &batch.offsets[..batch.count];
        match self.scale {
            1 => {
                for (&offset, mean) in offsets.iter().zip(blocks[0]) {
                    if let Some(pixel) = self.pixels.get_mut(offset) {
                        *pixel = (((mean + 4) >> 3) + 128).clamp(0, 255) as u8;
                    }
                }
            }
            2 => self.write::<2>(offsets, &restore_four(&blocks)),
            3 => self.write::<3>(offsets, &restore_nine(&blocks)),
            _ => self.write::<4>(offsets, &restore(blocks, &[[128; LANES]; 16])),
        }
        batch.count = 0;
    }

    /// The coefficients as they were before they were divided; those that are
    /// not kept stay zero.
    #[inline(always)]
    fn believed(&self, batch: &Batch) -> Blocks<LANES> {
        let mut blocks = [[0; LANES]; 16];
        for (_, place) in KEPT.into_iter().take(self.scale * self.scale) {
            let place = usize::from(place);
            let (most, divisor) = (self.most[place], self.divisors[place]);
            let coefficients = batch.coefficients[place];
            blocks[place] = coefficients
                .map(|coefficient| coefficient.max(-most).min(most).wrapping_mul(divisor));
        }
        blocks
    }

    /// Writes blocks of `SIDE` by `SIDE` pixels to their places. Lines are written
    /// in fours: what is too much lies where the next block will be, or between
    /// two lines.
    #[inline(always)]
    fn write<const SIDE: usize>(&mut self, offsets: &[usize], blocks: &Blocks<LANES>) {
        for y in 0..SIDE {
            let mut quads = [[0; QUAD]; LANES];
            for (lane, quad) in quads.iter_mut().enumerate() {
                let packed = (0..SIDE).fold(0, |packed, x| {
                    packed | u32::from(blocks[y * 4 + x][lane] as u16) << (8 * x)
                });
                *quad = packed.to_le_bytes();
            }
            for (&offset, quad) in offsets.iter().zip(&quads) {
                let start = offset + y * self.stride;
                if let Some(pixels) = self.pixels.get_mut(start..start + QUAD) {
                    pixels.copy_from_slice(quad);
                }
            }
        }
    }
}

/// The pixels of two by two coefficients.
#[inline(always)]
fn restore_four(blocks: &Blocks<LANES>) -> Blocks<LANES> {
    let mut pixels = [[0; LANES]; 16];
    for lane in 0..LANES {
        let [a, b, c, d] = [0, 1, 4, 5].map(|place: usize| blocks[place][lane]);
        let (upper, lower) = ((a + c) + 4, (a - c) + 4);
        let (right, left) = (b + d, b - d);
        for (place, sum) in [
            (0, upper + right),
            (1, upper - right),
            (4, lower + left),
            (5, lower - left),
        ] {
            pixels[place][lane] = ((sum >> 3) + 128).clamp(0, 255);
        }
    }
    pixels
}

/// The pixels of three by three coefficients.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "rows are walked together, and become vectors this way"
)]
fn restore_nine(blocks: &Blocks<LANES>) -> Blocks<LANES> {
    let mut pixels = *blocks;
    for x in 0..3 {
        for lane in 0..LANES {
            let [a, b, c] = [pixels[x][lane], pixels[4 + x][lane], pixels[8 + x][lane]];
            [pixels[x][lane], pixels[4 + x][lane], pixels[8 + x][lane]] = restored_three(a, b, c);
        }
    }
    for y in [0, 4, 8] {
        for lane in 0..LANES {
            let [a, b, c] = [pixels[y][lane], pixels[y + 1][lane], pixels[y + 2][lane]];
            let [a, b, c] = restored_three(a + 4, b, c);
            pixels[y][lane] = ((a >> 3) + 128).clamp(0, 255);
            pixels[y + 1][lane] = ((b >> 3) + 128).clamp(0, 255);
            pixels[y + 2][lane] = ((c >> 3) + 128).clamp(0, 255);
        }
    }
    pixels
}

/// Three waves as numbers: eight times as much along two sides.
#[inline(always)]
const fn restored_three(mean: i16, a: i16, b: i16) -> [i16; 3] {
    // √2·cos(π/6) of the first, √2·cos(π/3) of the second, and √2 of it.
    let outer = a + times(a, 14_729);
    let half = b - times(b, 19_195);
    let whole = b + times(b, 27_146);
    [mean + half + outer, mean - whole, mean + half - outer]
}

/// A share of a number, in 65,536ths.
#[inline(always)]
const fn times(number: i16, share: i32) -> i16 {
    ((number as i32 * share) >> 16) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_drawn_in_its_place_and_nowhere_else() {
        for scale in 1..=4 {
            let (across, down) = (3, 3);
            let mut scaled = Scaled::new(scale, across, down, &[1; 64]);
            let mut batch = Batch::default();
            let places = (0..down).flat_map(|row| (0..across).map(move |column| (column, row)));
            for (at, (column, row)) in places.enumerate() {
                let mut block = [0; ROOM];
                // Eight for each step of brightness.
                block[1] = at as i16 * 80 - 400;
                let offset = scaled.offset(column, row);
                assert!(!batch.take(scale, offset, &mut block));
                assert_eq!(block, [0; ROOM]);
            }
            scaled.draw(&mut batch);
            let lines = scaled.pixels.chunks(scaled.stride);
            assert_eq!(lines.len(), down * scale);
            for (y, line) in lines.enumerate() {
                for (x, pixel) in line[..scaled.width].iter().enumerate() {
                    let at = y / scale * across + x / scale;
                    assert_eq!(
                        usize::from(*pixel),
                        128 - 50 + at * 10,
                        "{x}, {y} of {scale}"
                    );
                }
            }
        }
    }
}
