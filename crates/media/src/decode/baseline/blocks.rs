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
use crate::vp8::block::{Blocks, restore};

/// Blocks that are turned into pixels at once.
const LANES: usize = 16;

/// A place for coefficients that nobody wants.
pub(super) const NOWHERE: u8 = 16;

/// The largest coefficient that is believed; those of pictures are half of it.
const MOST: i32 = 2047;

/// Blocks that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Batch {
    coefficients: [[i16; LANES]; 17],
    offsets: [usize; LANES],
    count: usize,
}

impl Batch {
    /// Begins a block that will be drawn at `offset`; answers its lane.
    #[inline(always)]
    pub(super) fn begin(&mut self, offset: usize) -> usize {
        let lane = self.count;
        self.offsets[lane % LANES] = offset;
        self.count += 1;
        lane
    }

    #[inline(always)]
    pub(super) fn set(&mut self, place: u8, lane: usize, value: i16) {
        if let Some(row) = self.coefficients.get_mut(usize::from(place)) {
            row[lane % LANES] = value;
        }
    }

    #[inline(always)]
    pub(super) const fn is_full(&self) -> bool {
        self.count == LANES
    }
}

/// A component while it is drawn.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) pixels: Vec<u8>,
    pub(super) stride: usize,
    /// Pixels of a block to a side: 1, 2 or 4.
    pub(super) scale: usize,
    /// How many coefficients of a block are wanted, in the order of the file.
    pub(super) wanted: u32,
    divisors: [i16; 16],
}

impl Scaled {
    pub(super) fn new(scale: usize, across: usize, down: usize, quantiser: &[i16; 64]) -> Self {
        let mut divisors = [0; 16];
        let mut wanted = 0;
        for ((at, place), divisor) in (1..).zip(ZIGZAG).zip(quantiser) {
            let (x, y) = (usize::from(place % 8), usize::from(place / 8));
            if x < scale && y < scale {
                divisors[y * 4 + x] = *divisor;
                wanted = at;
            }
        }
        Self {
            pixels: vec![0; across * down * scale * scale],
            stride: across * scale,
            scale,
            wanted,
            divisors,
        }
    }

    /// Where the block in this column and row begins.
    #[inline(always)]
    pub(super) const fn offset(&self, column: usize, row: usize) -> usize {
        (row * self.stride + column) * self.scale
    }

    /// Draws the blocks that wait.
    #[inline(always)]
    pub(super) fn draw(&mut self, batch: &mut Batch) {
        let mut blocks: Blocks<LANES> = [[0; LANES]; 16];
        let rows = batch.coefficients.iter().zip(self.divisors);
        for (row, (coefficients, divisor)) in blocks.iter_mut().zip(rows) {
            for (number, coefficient) in row.iter_mut().zip(coefficients) {
                let product = i32::from(*coefficient) * i32::from(divisor);
                *number = product.clamp(-MOST, MOST) as i16;
            }
        }
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
            _ => self.write::<4>(offsets, &restore(blocks, &[[128; LANES]; 16])),
        }
        batch.coefficients = [[0; LANES]; 17];
        batch.count = 0;
    }

    /// Writes blocks of `SIDE` by `SIDE` pixels to their places.
    #[inline(always)]
    fn write<const SIDE: usize>(&mut self, offsets: &[usize], blocks: &Blocks<LANES>) {
        for y in 0..SIDE {
            let mut quads = [[0u8; 4]; LANES];
            for (lane, quad) in quads.iter_mut().enumerate() {
                let packed = (0..SIDE).fold(0, |packed, x| {
                    packed | u32::from(blocks[y * 4 + x][lane] as u16) << (8 * x)
                });
                *quad = packed.to_le_bytes();
            }
            for (&offset, quad) in offsets.iter().zip(&quads) {
                let start = offset + y * self.stride;
                if let Some(pixels) = self.pixels.get_mut(start..start + SIDE) {
                    pixels.copy_from_slice(&quad[..SIDE]);
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
