//! A plane brought to other sides, sixteen rows at a time.
//!
//! A library resizes rows, whose neighbours in a vector are neighbours in the
//! picture, and so each pixel of the result needs its own gathering. Here a band
//! of sixteen rows is turned on its side in between: then neighbours in a vector
//! are one pixel of each row, and all of them want the same weights. The range of
//! the result is brought about by the weights as well.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use crate::decode::baseline::Plane;

/// Rows that are worked on together.
const ROWS: usize = 16;

/// What the weights of a pixel add up to.
const ONE: f64 = 16384.0;
const SHIFT: u32 = 14;

/// How much of each pixel around goes into one of the result.
#[derive(Debug, Clone, Copy)]
pub(super) enum Filter {
    /// Less of it the further away, up to one pixel.
    Triangle,
    /// The cubic of Catmull and Rom, which keeps edges sharp.
    CatmullRom,
}

impl Filter {
    /// How far it reaches, in pixels.
    const fn reach(self) -> f64 {
        match self {
            Self::Triangle => 1.0,
            Self::CatmullRom => 2.0,
        }
    }

    /// The share at a distance.
    fn at(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Triangle => (1.0 - x).max(0.0),
            Self::CatmullRom if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::CatmullRom if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::CatmullRom => 0.0,
        }
    }
}

/// Values of a byte brought to a part of its range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// What 0 becomes.
    pub(super) from: f64,
    /// What 255 becomes.
    pub(super) to: f64,
}

/// Along one side, the pixels that go into each of the result.
struct Weights {
    /// How many they are; as many for each.
    count: usize,
    /// The first of them.
    first: Vec<usize>,
    /// Their shares, `count` for each.
    shares: Vec<i32>,
}

impl Weights {
    /// For a side of `there` pixels, of which the first `exact` become `to`; what
    /// the shares of each add up to is `sum`.
    fn new(there: usize, exact: f64, to: usize, filter: Filter, sum: f64) -> Self {
        let scale = exact / to as f64;
        // Each pixel of a smaller result stands for more of them.
        let spread = scale.max(1.0);
        let reach = filter.reach() * spread;
        // As many as may have their middles within reach.
        let count = ((2.0 * reach) as usize + 1).min(there);
        let mut weights = Self {
            count,
            first: Vec::with_capacity(to),
            shares: Vec::with_capacity(to * count),
        };
        let mut shares = vec![0.0; count];
        for at in 0..to {
            let middle = (at as f64 + 0.5) * scale;
            let first = ((middle - reach + 0.5).max(0.0) as usize).min(there - count);
            for (pixel, share) in (first..).zip(&mut shares) {
                *share = filter.at((pixel as f64 + 0.5 - middle) / spread);
            }
            let unit = sum / shares.iter().sum::<f64>();
            let begun = weights.shares.len();
            weights
                .shares
                .extend(shares.iter().map(|share| nearest(share * unit)));
            // What rounding lost goes to the largest, which is the one in the
            // middle, so that a flat colour stays.
            let made = &mut weights.shares[begun..];
            let missing = nearest(sum) - made.iter().sum::<i32>();
            made[(middle as usize - first).min(count - 1)] += missing;
            weights.first.push(first);
        }
        weights
    }

    /// The first pixel of the one at `at`, and the shares from it on.
    #[inline(always)]
    fn of(&self, at: usize) -> (usize, &[i32]) {
        (
            self.first[at],
            &self.shares[at * self.count..][..self.count],
        )
    }
}

/// The whole number next to one of a moderate size, without the care for all
/// others that takes a library's function its time.
fn nearest(number: f64) -> i32 {
    const FAR: i32 = 1 << 24;
    (number + (f64::from(FAR) + 0.5)) as i32 - FAR
}

/// How planes of some sides are brought to others.
pub(super) struct Scaling {
    /// The sides of the planes.
    from: (usize, usize),
    across: Weights,
    down: Weights,
    base: i32,
}

impl Scaling {
    /// For planes of the sides `from`, of which the part that is `exact` pixels wide
    /// and high is brought to the sides `to` and the given range. `None` when there
    /// is nothing of them.
    pub(super) fn new(
        from: (usize, usize),
        exact: (f64, f64),
        to: (usize, usize),
        filter: Filter,
        range: Range,
    ) -> Option<Self> {
        if from.0 == 0 || from.1 == 0 {
            return None;
        }
        let share = (range.to - range.from) / 255.0;
        Some(Self {
            from,
            across: Weights::new(from.0, exact.0, to.0, filter, ONE * share),
            down: Weights::new(from.1, exact.1, to.1, filter, ONE),
            base: ((range.from + 0.5) * ONE) as i32,
        })
    }

    /// Brings a plane there. `None` when it is not one of those.
    pub(super) fn apply(&self, plane: &Plane) -> Option<Vec<u8>> {
        struct Apply<'a>(&'a Scaling, &'a Plane);
        impl pulp::WithSimd for Apply<'_> {
            type Output = Vec<u8>;
            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<u8> {
                let Self(scaling, plane) = self;
                scale_bands(plane, &scaling.across, &scaling.down, scaling.base)
            }
        }
        let is_whole = plane.pixels.len() >= plane.stride * plane.height;
        ((plane.width, plane.height) == self.from && is_whole)
            .then(|| pulp::Arch::new().dispatch(Apply(self, plane)))
    }
}

#[inline(always)]
fn scale_bands(plane: &Plane, across: &Weights, down: &Weights, base: i32) -> Vec<u8> {
    let (width, height) = (across.first.len(), down.first.len());
    let mut made = Vec::with_capacity(width * height);
    let mut sums = vec![0; plane.width];
    // Whole squares, the last of which may go beyond.
    let mut wide = Lines::new(plane.width);
    let mut turned = vec![[0; ROWS]; wide.stride];
    let mut lines = Lines::new(width);
    let mut narrow = vec![[0; ROWS]; lines.stride];
    for start in (0..height).step_by(ROWS) {
        let rows = ROWS.min(height - start);
        let band = wide.pixels.chunks_exact_mut(wide.stride).take(rows);
        for (lane, line) in band.enumerate() {
            add_rows(plane, down.of(start + lane), &mut sums);
            for (pixel, sum) in line.iter_mut().zip(&sums) {
                *pixel = (*sum >> SHIFT).clamp(0, 255) as u8;
            }
        }
        for (at, columns) in turned.as_chunks_mut().0.iter_mut().enumerate() {
            *columns = turn(wide.square(at));
        }
        for (at, column) in narrow[..width].iter_mut().enumerate() {
            *column = add_columns(&turned, across.of(at), base);
        }
        for (at, columns) in narrow.as_chunks().0.iter().enumerate() {
            lines.set_square(at, turn(*columns));
        }
        for line in lines.pixels.chunks_exact(lines.stride).take(rows) {
            made.extend_from_slice(&line[..width]);
        }
    }
    made
}

type Square = [[u8; ROWS]; ROWS];

/// The rows of a band, which go on to the end of a square.
struct Lines {
    pixels: Vec<u8>,
    stride: usize,
}

impl Lines {
    fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(ROWS);
        Self {
            pixels: vec![0; stride * ROWS],
            stride,
        }
    }

    #[inline(always)]
    fn square(&self, at: usize) -> Square {
        let mut square = [[0; ROWS]; ROWS];
        for (row, line) in square.iter_mut().zip(self.pixels.chunks_exact(self.stride)) {
            row.copy_from_slice(&line[at * ROWS..][..ROWS]);
        }
        square
    }

    #[inline(always)]
    fn set_square(&mut self, at: usize, square: Square) {
        for (row, line) in square.iter().zip(self.pixels.chunks_exact_mut(self.stride)) {
            line[at * ROWS..][..ROWS].copy_from_slice(row);
        }
    }
}

/// Rows as columns: each row of the upper half is shuffled into one of the lower,
/// four times, which vectors do in one instruction each.
#[inline(always)]
fn turn(mut rows: Square) -> Square {
    for _ in 0..ROWS.ilog2() {
        let from = rows;
        for at in 0..ROWS / 2 {
            let pair = [from[at], from[at + ROWS / 2]];
            for half in 0..2 {
                rows[at * 2 + half] = std::array::from_fn(|pixel| {
                    let pixel = half * ROWS + pixel;
                    pair[pixel % 2][pixel / 2]
                });
            }
        }
    }
    rows
}

/// Adds rows up by their shares.
#[inline(always)]
fn add_rows(plane: &Plane, (first, shares): (usize, &[i32]), sums: &mut [i32]) {
    let lines = plane.pixels[first * plane.stride..].chunks(plane.stride);
    for (at, (line, share)) in lines.zip(shares).enumerate() {
        for (sum, pixel) in sums.iter_mut().zip(line) {
            let before = if at == 0 { 1 << (SHIFT - 1) } else { *sum };
            *sum = before + i32::from(*pixel) * share;
        }
    }
}

/// Adds columns up by their shares.
#[inline(always)]
fn add_columns(columns: &[[u8; ROWS]], (first, shares): (usize, &[i32]), base: i32) -> [u8; ROWS] {
    let mut sums = [base; ROWS];
    for (column, share) in columns[first..].iter().zip(shares) {
        for (sum, pixel) in sums.iter_mut().zip(column) {
            *sum += i32::from(*pixel) * share;
        }
    }
    sums.map(|sum| (sum >> SHIFT).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use fast_image_resize::pixels::U8;
    use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};
    use proptest::prelude::*;

    use super::*;
    use crate::resize::resample;

    const WHOLE: Range = Range {
        from: 0.0,
        to: 255.0,
    };

    fn plane(width: usize, height: usize, pixels: Vec<u8>) -> Plane {
        Plane {
            pixels,
            width,
            height,
            stride: width,
            exact: (width as f64, height as f64),
        }
    }

    fn scale(
        plane: &Plane,
        exact: (f64, f64),
        to: (usize, usize),
        filter: Filter,
        range: Range,
    ) -> Option<Vec<u8>> {
        let from = (plane.width, plane.height);
        Scaling::new(from, exact, to, filter, range)?.apply(plane)
    }

    proptest! {
        /// The library rounds in between as well, and its shares to fewer bits.
        #[test]
        fn pixels_are_those_of_a_library(
            (width, height) in (1usize..70, 1usize..70),
            (to_width, to_height) in (1usize..50, 1usize..50),
            beyond in (0.0..1.0, 0.0..1.0),
            is_sharp in any::<bool>(),
            seed in proptest::collection::vec(any::<u8>(), 70 * 70),
        ) {
            let plane = plane(width, height, seed[..width * height].to_vec());
            let exact = (width as f64 - beyond.0, height as f64 - beyond.1);
            let (filter, theirs) = if is_sharp {
                (Filter::CatmullRom, FilterType::CatmullRom)
            } else {
                (Filter::Triangle, FilterType::Bilinear)
            };
            let made = scale(&plane, exact, (to_width, to_height), filter, WHOLE).unwrap();
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(theirs))
                .crop(0.0, 0.0, exact.0, exact.1);
            let from = (width as u32, height as u32);
            let to = (to_width as u32, to_height as u32);
            let expected = resample::<U8>(&plane.pixels, from, to, &options).unwrap();
            for (made, expected) in made.iter().zip(&expected) {
                prop_assert!(made.abs_diff(*expected) <= 2, "{made} and {expected}");
            }
        }

        #[test]
        fn a_flat_colour_stays_flat(
            colour in any::<u8>(), sides in (1usize..40, 1usize..40), to in (1usize..40, 1usize..40),
        ) {
            let plane = plane(sides.0, sides.1, vec![colour; sides.0 * sides.1]);
            let made = scale(&plane, plane.exact, to, Filter::CatmullRom, WHOLE).unwrap();
            prop_assert_eq!(made, vec![colour; to.0 * to.1]);
        }
    }

    #[test]
    fn black_and_white_become_the_ends_of_the_range() {
        let range = Range {
            from: 16.0,
            to: 235.0,
        };
        let plane = plane(2, 2, vec![0, 255, 0, 255]);
        let made = scale(&plane, plane.exact, (2, 2), Filter::CatmullRom, range);
        assert_eq!(made.unwrap(), [16, 235, 16, 235]);
        let scaling = Scaling::new((2, 2), (2.0, 2.0), (2, 2), Filter::Triangle, range);
        let other = self::plane(2, 1, vec![0, 255]);
        assert!(scaling.unwrap().apply(&other).is_none());
        let nothing = self::plane(0, 0, Vec::new());
        assert!(scale(&nothing, (0.0, 0.0), (1, 1), Filter::Triangle, range).is_none());
    }
}
