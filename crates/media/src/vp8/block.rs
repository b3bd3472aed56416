//! The 4×4 blocks of a macroblock, all at once: transforms and quantisation.
//!
//! A [`Blocks`] has a row for each of the sixteen places within a block, and in
//! it a lane for each block. So every step is the same arithmetic along lanes,
//! which the compiler turns into vector instructions. What decoders do is exact
//! ([`restore`], [`restore_means`], RFC 6386 section 14); the way there is ours.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::channel::pixel;

/// One number for each place within a block (row by row) and each block.
///
/// Sixteen bits are enough: what is left of a guess is at most 255, and no
/// transform makes it a hundred times as much.
pub(crate) type Blocks<const L: usize> = [[i16; L]; 16];

/// What coefficients are divided by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The divisor, from 4 to 440.
    size: i16,
    inverse: u16,
    bias: u16,
}

impl Step {
    /// Divides by `size`; `bias` of 256 is added before the rest is dropped.
    pub(super) const fn new(size: i16, bias: i32) -> Self {
        let divisor = size as i32;
        Self {
            size,
            inverse: ((1 << 16) / divisor + 1) as u16,
            bias: (divisor * bias / 256) as u16,
        }
    }

    /// The level of a coefficient.
    #[inline(always)]
    pub(super) fn level(self, coefficient: i16) -> i16 {
        // All ones below zero: then adding and flipping turns the sign.
        let sign = coefficient >> 15;
        let size = ((coefficient ^ sign) - sign) as u16 + self.bias;
        let level = ((u32::from(size) * u32::from(self.inverse)) >> 16) as i16;
        (level ^ sign) - sign
    }

    /// What a decoder makes of a level.
    #[inline(always)]
    const fn known(self, level: i16) -> i16 {
        level * self.size
    }
}

/// Turns the coefficients of means into their levels; answers what a decoder
/// makes of those.
#[inline(always)]
pub(super) fn quantise_means(means: &mut [i16; 16], [first, others]: [Step; 2]) -> [i16; 16] {
    let first_level = first.level(means[0]);
    *means = means.map(|mean| others.level(mean));
    let mut known = means.map(|level| others.known(level));
    (means[0], known[0]) = (first_level, first.known(first_level));
    known
}

/// Turns coefficients into their levels; answers what a decoder makes of those.
#[inline(always)]
pub(super) fn quantise<const L: usize>(
    blocks: &mut Blocks<L>,
    [first, others]: [Step; 2],
) -> Blocks<L> {
    // In one run over all of them: of loops in loops the compiler may make vectors
    // of what lies below one another.
    let mut first_row = blocks[0];
    for level in blocks.as_flattened_mut() {
        *level = others.level(*level);
    }
    for level in &mut first_row {
        *level = first.level(*level);
    }
    blocks[0] = first_row;
    let mut known = *blocks;
    for level in known.as_flattened_mut() {
        *level = others.known(*level);
    }
    for (known, level) in known[0].iter_mut().zip(first_row) {
        *known = first.known(level);
    }
    known
}

/// The coefficients of what is left between blocks and their guess.
#[inline(always)]
pub(super) fn analyse<const L: usize>(from: &Blocks<L>, guess: &Blocks<L>) -> Blocks<L> {
    let mut blocks = [[0; L]; 16];
    for ((row, from), guess) in blocks.iter_mut().zip(from).zip(guess) {
        for ((left, from), guess) in row.iter_mut().zip(from).zip(guess) {
            // Eight times as much, for the sake of the second transform.
            *left = (from - guess) * 8;
        }
    }
    for y in 0..4 {
        along(&mut blocks, [0, 1, 2, 3].map(|x| y * 4 + x), analysed);
    }
    for x in 0..4 {
        along(&mut blocks, [0, 1, 2, 3].map(|y| y * 4 + x), |numbers| {
            analysed(numbers).map(|number| (number + 7) >> 4)
        });
    }
    blocks
}

/// Adds what coefficients stand for to a guess.
#[inline(always)]
pub(crate) fn restore<const L: usize>(mut blocks: Blocks<L>, guess: &Blocks<L>) -> Blocks<L> {
    for x in 0..4 {
        along(&mut blocks, [0, 1, 2, 3].map(|y| y * 4 + x), restored);
    }
    for y in 0..4 {
        along(
            &mut blocks,
            [0, 1, 2, 3].map(|x| y * 4 + x),
            |[mean, a, b, c]| restored([mean + 4, a, b, c]).map(|number| number >> 3),
        );
    }
    for (row, guess) in blocks.iter_mut().zip(guess) {
        for (left, guess) in row.iter_mut().zip(guess) {
            *left = pixel(*left + guess);
        }
    }
    blocks
}

/// Does the same with the numbers of four places in each block.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "four arrays are walked together, and become vectors this way"
)]
fn along<const L: usize>(
    blocks: &mut Blocks<L>,
    places: [usize; 4],
    work: impl Fn([i16; 4]) -> [i16; 4],
) {
    for lane in 0..L {
        let [a, b, c, d] = places;
        let numbers = [
            blocks[a][lane],
            blocks[b][lane],
            blocks[c][lane],
            blocks[d][lane],
        ];
        [
            blocks[a][lane],
            blocks[b][lane],
            blocks[c][lane],
            blocks[d][lane],
        ] = work(numbers);
    }
}

/// Four numbers as waves.
#[inline(always)]
fn analysed([a, b, c, d]: [i16; 4]) -> [i16; 4] {
    let (outer, inner) = (a + d, b + c);
    let (outer_slope, inner_slope) = (a - d, b - c);
    [
        outer + inner,
        by_sine(inner_slope) + by_cosine(outer_slope),
        outer - inner,
        by_sine(outer_slope) - by_cosine(inner_slope),
    ]
}

/// Waves as four numbers.
#[inline(always)]
fn restored([a, b, c, d]: [i16; 4]) -> [i16; 4] {
    let (even, odd) = (a + c, a - c);
    let turned = by_sine(b) - by_cosine(d);
    let straight = by_cosine(b) + by_sine(d);
    [even + straight, odd + turned, odd - turned, even - straight]
}

/// √2·sin(π/8) of a number.
#[inline(always)]
const fn by_sine(number: i16) -> i16 {
    number + ((number as i32 * (35468 - 65536)) >> 16) as i16
}

/// √2·cos(π/8) of a number.
#[inline(always)]
const fn by_cosine(number: i16) -> i16 {
    number + ((number as i32 * 20091) >> 16) as i16
}

/// Turns the means of sixteen blocks into coefficients of their own.
#[inline(always)]
pub(super) fn analyse_means(means: &[i16; 16]) -> [i16; 16] {
    let means = means.map(i32::from);
    let mut halfway = [0; 16];
    for row in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| means[row * 4 + column]);
        halfway[row * 4] = a + c + b + d;
        halfway[row * 4 + 1] = a - c + b - d;
        halfway[row * 4 + 2] = a - c - b + d;
        halfway[row * 4 + 3] = a + c - b - d;
    }
    let mut coefficients = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|row| halfway[row + column]);
        coefficients[column] = (a + c + b + d) >> 1;
        coefficients[4 + column] = (a - c + b - d) >> 1;
        coefficients[8 + column] = (a - c - b + d) >> 1;
        coefficients[12 + column] = (a + c - b - d) >> 1;
    }
    coefficients.map(|coefficient| coefficient as i16)
}

/// The means that such coefficients stand for.
#[inline(always)]
pub(super) fn restore_means(coefficients: &[i16; 16]) -> [i16; 16] {
    let coefficients = coefficients.map(i32::from);
    let mut halfway = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|row| coefficients[row + column]);
        halfway[column] = a + d + b + c;
        halfway[4 + column] = a - d + b - c;
        halfway[8 + column] = a + d - b - c;
        halfway[12 + column] = a - d - b + c;
    }
    let mut means = [0; 16];
    for row in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| halfway[row * 4 + column]);
        means[row * 4] = (a + 3 + d + b + c) >> 3;
        means[row * 4 + 1] = (a + 3 - d + b - c) >> 3;
        means[row * 4 + 2] = (a + 3 + d - b - c) >> 3;
        means[row * 4 + 3] = (a + 3 - d - b + c) >> 3;
    }
    means.map(|mean| mean as i16)
}
