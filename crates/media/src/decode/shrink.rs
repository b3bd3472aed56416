//! Shrinking by whole factors while rows arrive, so that a large picture is
//! never in memory as a whole.
//!
//! Each result pixel is the mean of a box of `factor`² source pixels (fewer at
//! the right and lower edge); colours are weighted by alpha where there is one.
//! Rows come in order ([`Shrinker::add_row`]), or in any order and with gaps
//! ([`Shrinker::add_sparse`]) as interlaced files store them.

use super::{Stored, Want};
use crate::{Channels, MediaError, Picture};

/// Collects rows of one kind of pixel.
pub(crate) struct Shrinker {
    width: usize,
    height: usize,
    factor: usize,
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    samples: usize,
    columns: usize,
    rows: usize,
    /// Sums of the current row of boxes, before its pixels are joined: one for
    /// each sample of a source row.
    sums: Vec<u32>,
    /// How many source rows are in `sums`.
    gathered: usize,
    /// Sums of every box, for rows that come in any order.
    boxes: Vec<u32>,
    result: Vec<u8>,
}

impl Shrinker {
    /// Expects pixels of `samples` samples. The factor leaves one and a half
    /// times what is wanted, so that a better filter can do the rest.
    pub(crate) fn new(width: u32, height: u32, samples: usize, want: Want) -> Self {
        let factor = match want {
            Want::Full => 1,
            Want::AtLeast { longest_side } => {
                let wanted = u64::from(longest_side.max(1)) * 3 / 2;
                (u64::from(width.max(height)) / wanted.max(1)).clamp(1, MAX_FACTOR) as usize
            }
        };
        let (width, height) = (width as usize, height as usize);
        let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
        Self {
            width,
            height,
            factor,
            samples,
            columns,
            rows,
            sums: Vec::new(),
            gathered: 0,
            boxes: Vec::new(),
            result: Vec::with_capacity(columns * rows * samples),
        }
    }

    /// Adds the next row from the top.
    pub(crate) fn add_row(&mut self, row: &[u8]) {
        let row = &row[..self.width * self.samples];
        if self.factor == 1 {
            self.result.extend_from_slice(row);
            return;
        }
        self.sums.resize(row.len(), 0);
        match self.samples {
            2 => add_weighted::<2>(&mut self.sums, row),
            4 => add_weighted::<4>(&mut self.sums, row),
            _ => {
                for (sum, sample) in self.sums.iter_mut().zip(row) {
                    *sum += u32::from(*sample);
                }
            }
        }
        self.gathered += 1;
        let is_last = self.result.len() / (self.columns * self.samples) + 1 == self.rows;
        if self.gathered == self.factor || (is_last && self.gathered == self.last_box_height()) {
            match self.samples {
                1 => self.close_boxes::<1>(),
                2 => self.close_boxes::<2>(),
                3 => self.close_boxes::<3>(),
                _ => self.close_boxes::<4>(),
            }
            self.sums.fill(0);
            self.gathered = 0;
        }
    }

    fn last_box_height(&self) -> usize {
        self.height - (self.rows - 1) * self.factor
    }

    /// Joins the columns of the gathered rows to result pixels.
    fn close_boxes<const N: usize>(&mut self) {
        let (pixels, _) = self.sums.as_chunks::<N>();
        for group in pixels.chunks(self.factor) {
            let mut sum = [0u32; N];
            for pixel in group {
                for (total, sample) in sum.iter_mut().zip(pixel) {
                    *total += sample;
                }
            }
            let count = group.len() * self.gathered;
            self.result.extend_from_slice(&mean(sum, count as u32));
        }
    }

    /// Adds pixels of row `y` at the columns `first`, `first + step`, …
    pub(crate) fn add_sparse(&mut self, y: usize, first: usize, step: usize, row: &[u8]) {
        let total = self.columns * self.rows * self.samples;
        if self.factor == 1 {
            self.result.resize(total, 0);
            for (index, pixel) in row.chunks_exact(self.samples).enumerate() {
                let place = (y * self.width + first + index * step) * self.samples;
                if let Some(room) = self.result.get_mut(place..place + self.samples) {
                    room.copy_from_slice(pixel);
                }
            }
            return;
        }
        self.boxes.resize(total, 0);
        let line = y / self.factor * self.columns;
        for (index, pixel) in row.chunks_exact(self.samples).enumerate() {
            let cell = (line + (first + index * step) / self.factor) * self.samples;
            let Some(sums) = self.boxes.get_mut(cell..cell + self.samples) else {
                return;
            };
            match self.samples {
                2 => add_weighted::<2>(sums, pixel),
                4 => add_weighted::<4>(sums, pixel),
                _ => {
                    for (sum, sample) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(*sample);
                    }
                }
            }
        }
    }

    /// The shrunken picture, grey spread to colour.
    ///
    /// # Errors
    /// [`MediaError::Shape`] when rows are missing.
    pub(crate) fn finish(mut self) -> Result<Stored, MediaError> {
        if !self.boxes.is_empty() {
            match self.samples {
                1 => self.close_sparse::<1>(),
                2 => self.close_sparse::<2>(),
                3 => self.close_sparse::<3>(),
                _ => self.close_sparse::<4>(),
            }
        }
        let (channels, pixels) = match self.samples {
            1 => (Channels::Rgb, spread_grey::<1, 3>(&self.result)),
            2 => (Channels::Rgba, spread_grey::<2, 4>(&self.result)),
            3 => (Channels::Rgb, self.result),
            _ => (Channels::Rgba, self.result),
        };
        let factor = self.factor as f64;
        Ok(Stored {
            picture: Picture::new(self.columns as u32, self.rows as u32, channels, pixels)?,
            exact: (self.width as f64 / factor, self.height as f64 / factor),
            profile: None,
        })
    }

    fn close_sparse<const N: usize>(&mut self) {
        let (cells, _) = self.boxes.as_chunks::<N>();
        for (index, sum) in cells.iter().enumerate() {
            let (column, row) = (index % self.columns, index / self.columns);
            let width = self.factor.min(self.width - column * self.factor);
            let height = self.factor.min(self.height - row * self.factor);
            self.result
                .extend_from_slice(&mean(*sum, (width * height) as u32));
        }
    }
}

/// A box of this many columns and rows of weighted samples (255²) still has a
/// sum below 2³².
const MAX_FACTOR: u64 = 256;

/// Grey as colour; what follows the grey sample, alpha, stays last.
fn spread_grey<const FROM: usize, const TO: usize>(grey: &[u8]) -> Vec<u8> {
    let (pixels, _) = grey.as_chunks::<FROM>();
    let mut colours = Vec::with_capacity(pixels.len() * TO);
    for pixel in pixels {
        let mut colour = [pixel[0]; TO];
        colour[3..].copy_from_slice(&pixel[1..]);
        colours.extend_from_slice(&colour);
    }
    colours
}

/// Adds pixels whose last sample is alpha: colours weighted by it.
fn add_weighted<const N: usize>(sums: &mut [u32], row: &[u8]) {
    let (sums, _) = sums.as_chunks_mut::<N>();
    let (pixels, _) = row.as_chunks::<N>();
    for (sum, pixel) in sums.iter_mut().zip(pixels) {
        let alpha = u32::from(pixel[N - 1]);
        for (total, sample) in sum[..N - 1].iter_mut().zip(pixel) {
            *total += u32::from(*sample) * alpha;
        }
        sum[N - 1] += alpha;
    }
}

/// The mean of `count` pixels from their sums.
fn mean<const N: usize>(sum: [u32; N], count: u32) -> [u8; N] {
    let mut pixel = [0; N];
    let divide = |total: u32, by: u32| ((total + by / 2) / by.max(1)) as u8;
    if N % 2 == 1 {
        for (sample, total) in pixel.iter_mut().zip(sum) {
            *sample = divide(total, count);
        }
        return pixel;
    }
    let alpha = sum[N - 1];
    pixel[N - 1] = divide(alpha, count);
    if alpha > 0 {
        for (sample, total) in pixel[..N - 1].iter_mut().zip(sum) {
            *sample = divide(total, alpha);
        }
    }
    pixel
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shrink(
        width: u32,
        height: u32,
        samples: usize,
        longest_side: u32,
        pixels: &[u8],
    ) -> Picture {
        let want = Want::AtLeast { longest_side };
        let mut shrinker = Shrinker::new(width, height, samples, want);
        for row in pixels.chunks_exact(width as usize * samples) {
            shrinker.add_row(row);
        }
        shrinker.finish().unwrap().picture
    }

    #[test]
    fn boxes_are_averaged_and_edges_stand_for_less() {
        let rows = [0, 10, 20, 2, 12, 22, 100, 110, 200];
        let small = shrink(3, 3, 1, 1, &rows);
        assert_eq!((small.width(), small.height()), (1, 1));
        let small = shrink(3, 3, 1, 2, &rows);
        assert_eq!((small.width(), small.height()), (3, 3));
        let wide: Vec<u8> = (0..9 * 9).map(|n| n % 9 * 10).collect();
        let small = shrink(9, 9, 1, 3, &wide);
        let reds: Vec<u8> = small.row(0).chunks_exact(3).map(|p| p[0]).collect();
        assert_eq!(reds, [5, 25, 45, 65, 80]);
    }

    #[test]
    fn what_is_transparent_does_not_colour_its_neighbours() {
        let half = [[200, 100, 0, 255], [0, 255, 255, 0]].concat().repeat(50);
        let rows = half.repeat(100);
        let small = shrink(100, 100, 4, 25, &rows);
        for pixel in small.pixels().chunks_exact(4) {
            assert_eq!(pixel, [200, 100, 0, 128]);
        }
    }

    #[test]
    fn missing_rows_are_an_error() {
        let mut shrinker = Shrinker::new(4, 4, 3, Want::Full);
        shrinker.add_row(&[0; 12]);
        assert!(shrinker.finish().is_err());
    }

    proptest! {
        #[test]
        fn rows_in_order_and_scattered_pixels_give_the_same(
            width in 1u32..40, height in 1u32..40, samples in 1usize..=4, longest_side in 1u32..12,
            seed in proptest::collection::vec(any::<u8>(), 40 * 40 * 4),
        ) {
            let pixels = &seed[..(width * height) as usize * samples];
            let want = Want::AtLeast { longest_side };
            let in_order = shrink(width, height, samples, longest_side, pixels);
            let mut scattered = Shrinker::new(width, height, samples, want);
            for start in [1usize, 0] {
                for (y, row) in pixels.chunks_exact(width as usize * samples).enumerate() {
                    let every_other: Vec<u8> = row.chunks_exact(samples).skip(start).step_by(2).flatten().copied().collect();
                    scattered.add_sparse(y, start, 2, &every_other);
                }
            }
            prop_assert_eq!(in_order, scattered.finish().unwrap().picture);
        }
    }
}
