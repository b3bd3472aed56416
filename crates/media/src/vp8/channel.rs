//! The planes of a frame as macroblocks, and their guesses from what was coded
//! above and to the left (RFC 6386, section 12).
//!
//! Luma has sixteen blocks in a macroblock. Chroma has two planes of four, which
//! are coded in the same way and are taken together here: eight lanes.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::block::Blocks;

/// How a macroblock is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// By the mean of its edge.
    Mean,
    /// As its upper edge goes on downwards.
    Down,
    /// As its left edge goes on to the right.
    Across,
    /// As both go on together.
    Slope,
}

/// Planes of one size. `PLANES` of them have `BLOCKS` blocks to a side of a
/// macroblock each, `L` altogether.
pub(super) struct Channel<'a, const PLANES: usize, const BLOCKS: usize, const L: usize> {
    pixels: [&'a [u8]; PLANES],
    width: usize,
    height: usize,
    /// The lowest rows of the macroblocks above, by column and place in a block.
    above: Vec<[[i16; L]; 4]>,
    /// The right columns of the one to the left, by place in a block.
    left: [[i16; L]; 4],
    corner: [i16; L],
}

impl<'a, const PLANES: usize, const BLOCKS: usize, const L: usize> Channel<'a, PLANES, BLOCKS, L> {
    pub(super) fn new(
        pixels: [&'a [u8]; PLANES],
        width: usize,
        height: usize,
        columns: usize,
    ) -> Self {
        Self {
            pixels,
            width,
            height,
            above: vec![[[127; L]; 4]; columns],
            left: [[129; L]; 4],
            corner: [127; L],
        }
    }

    /// Begins a row of macroblocks.
    pub(super) fn begin_row(&mut self, row: usize) {
        self.left = [[129; L]; 4];
        self.corner = [if row == 0 { 127 } else { 129 }; L];
    }

    /// The pixels of a macroblock; beyond the picture its edge goes on.
    #[inline(always)]
    pub(super) fn blocks(&self, column: usize, row: usize) -> Blocks<L> {
        let side = BLOCKS * 4;
        let (left, top) = (column * side, row * side);
        let mut blocks = [[0; L]; 16];
        for y in 0..4 {
            let mut quads = [0u32; L];
            for (at, quads) in quads.chunks_exact_mut(BLOCKS).enumerate() {
                let (plane, below) = (at / BLOCKS, at % BLOCKS);
                let line = (top + below * 4 + y).min(self.height - 1);
                let line = &self.pixels[plane][line * self.width..][..self.width];
                if let Some(run) = line.get(left..left + side) {
                    for (quad, pixels) in quads.iter_mut().zip(run.as_chunks().0) {
                        *quad = u32::from_le_bytes(*pixels);
                    }
                } else {
                    for (beside, quad) in quads.iter_mut().enumerate() {
                        *quad = beyond(line, left + beside * 4);
                    }
                }
            }
            for x in 0..4 {
                for (number, quad) in blocks[y * 4 + x].iter_mut().zip(quads) {
                    *number = i16::from((quad >> (8 * x)) as u8);
                }
            }
        }
        blocks
    }

    /// Guesses a macroblock.
    #[inline(always)]
    pub(super) fn guess(&self, mode: Mode, column: usize, row: usize) -> Blocks<L> {
        let above = &self.above[column];
        let mut blocks = [[0; L]; 16];
        match mode {
            Mode::Mean => blocks = [self.mean(column > 0, (row > 0).then_some(above)); 16],
            Mode::Down => {
                for (place, blocks) in blocks.iter_mut().enumerate() {
                    *blocks = above[place % 4];
                }
            }
            Mode::Across => {
                for (place, blocks) in blocks.iter_mut().enumerate() {
                    *blocks = self.left[place / 4];
                }
            }
            Mode::Slope => {
                for (place, blocks) in blocks.iter_mut().enumerate() {
                    for (lane, number) in blocks.iter_mut().enumerate() {
                        let rise = self.left[place / 4][lane] - self.corner[lane];
                        *number = pixel(above[place % 4][lane] + rise);
                    }
                }
            }
        }
        blocks
    }

    /// The best guess of a macroblock, and which it is.
    #[inline(always)]
    pub(super) fn best(&self, from: &Blocks<L>, column: usize, row: usize) -> (Mode, Blocks<L>) {
        let mut best = (Mode::Mean, self.guess(Mode::Mean, column, row));
        let mut least = distance(from, &best.1);
        for mode in [Mode::Down, Mode::Across, Mode::Slope] {
            let guess = self.guess(mode, column, row);
            let apart = distance(from, &guess);
            if apart < least {
                least = apart;
                best = (mode, guess);
            }
        }
        best
    }

    /// The mean of what there is of the edge, for each plane.
    #[inline(always)]
    fn mean(&self, has_left: bool, above: Option<&[[i16; L]; 4]>) -> [i16; L] {
        // Each pixel of an edge stands in as many lanes as there are blocks to a side.
        let sum = |edge: &[[i16; L]; 4]| {
            let mut lanes = [0; L];
            for edge in edge {
                for (lane, pixel) in lanes.iter_mut().zip(edge) {
                    *lane += pixel;
                }
            }
            lanes
        };
        let mut lanes = [0; L];
        let sides = i16::from(has_left) + i16::from(above.is_some());
        let parts = [has_left.then_some(&self.left), above];
        for part in parts.into_iter().flatten() {
            for (lane, part) in lanes.iter_mut().zip(sum(part)) {
                *lane += part;
            }
        }
        // A power of two, by which a shift divides.
        let count = i32::from(sides) * (BLOCKS * 4) as i32;
        for plane in lanes.chunks_exact_mut(L / PLANES) {
            let all: i32 = plane.iter().copied().map(i32::from).sum();
            let mean = match all / BLOCKS as i32 {
                _ if count == 0 => 128,
                all => (all + count / 2) >> count.trailing_zeros(),
            };
            plane.fill(mean as i16);
        }
        lanes
    }

    /// Keeps the edge of a macroblock as a decoder will see it.
    #[inline(always)]
    pub(super) fn keep(&mut self, column: usize, seen: &Blocks<L>) {
        let last = BLOCKS - 1;
        let first_of_plane = |lane: usize| lane / (BLOCKS * BLOCKS) * BLOCKS * BLOCKS;
        let above = &mut self.above[column];
        let corner = &above[3];
        self.corner = std::array::from_fn(|lane| corner[first_of_plane(lane) + last]);
        for (x, above) in above.iter_mut().enumerate() {
            let seen = &seen[12 + x];
            *above = std::array::from_fn(|lane| {
                seen[first_of_plane(lane) + last * BLOCKS + lane % BLOCKS]
            });
        }
        for (y, left) in self.left.iter_mut().enumerate() {
            let seen = &seen[y * 4 + 3];
            *left = std::array::from_fn(|lane| seen[lane / BLOCKS * BLOCKS + last]);
        }
    }
}

/// Four pixels of a line from `start` on, where it ends before.
#[cold]
fn beyond(line: &[u8], start: usize) -> u32 {
    let last = line.last().copied().unwrap_or_default();
    let pixel = |x| line.get(start + x).copied().unwrap_or(last);
    u32::from_le_bytes([0, 1, 2, 3].map(pixel))
}

/// The nearest value that a pixel can have.
#[inline(always)]
#[expect(
    clippy::manual_clamp,
    reason = "that becomes branches, which eight lanes are not turned into vectors with"
)]
pub(super) fn pixel(number: i16) -> i16 {
    number.max(0).min(255)
}

/// How far apart blocks and their guess are.
#[inline(always)]
fn distance<const L: usize>(from: &Blocks<L>, guess: &Blocks<L>) -> i32 {
    let mut lanes = [0; L];
    for (from, guess) in from.iter().zip(guess) {
        for ((lane, from), guess) in lanes.iter_mut().zip(from).zip(guess) {
            *lane += (from - guess).abs();
        }
    }
    lanes.into_iter().map(i32::from).sum()
}
