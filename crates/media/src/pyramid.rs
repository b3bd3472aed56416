//! A picture blurred by every amount, with parts that count for nothing.
//!
//! Each level has half the sides of the one before. A weight goes along with
//! the colours: where a level knows too little, the next coarser one speaks, so
//! that what is left out is filled smoothly from what lies around it.

use crate::rows::each_row;

/// A colour times its weight, and the weight.
pub(crate) type Weighted = [f32; 4];

/// What one pixel of the next level takes of four in a row.
const TAPS: [f32; 4] = [0.125, 0.375, 0.375, 0.125];

/// The blur of level 0 in pixels, which doubles with each level: that of the
/// taps and of the reading together.
const BASE_BLUR: f32 = 0.707;

struct Level {
    width: usize,
    height: usize,
    data: Vec<Weighted>,
}

/// The levels from half size on; full size is not kept.
pub(crate) struct Pyramid {
    levels: Vec<Level>,
}

impl Pyramid {
    /// Builds the levels of a picture of the given sides, read by `source`.
    pub(crate) fn build(
        width: usize,
        height: usize,
        source: impl Fn(usize, usize) -> Weighted + Sync,
    ) -> Self {
        let mut levels = vec![Level::half(width, height, &source)];
        while let Some(last) = levels.last()
            && last.width.max(last.height) > 1
        {
            let next = Level::half(last.width, last.height, |x, y| {
                last.data[y * last.width + x]
            });
            levels.push(next);
        }
        Self { levels }
    }

    /// The colour at a place of full size, blurred by `blur` pixels (the
    /// deviation of a Gaussian) or by as much as it takes to know one.
    pub(crate) fn sample(&self, x: f32, y: f32, blur: f32) -> [f32; 3] {
        let depth = ((blur.max(1e-3) / BASE_BLUR).log2() - 1.0).max(0.0);
        let last = self.levels.len() - 1;
        let first = (depth as usize).min(last);
        let part = (depth - first as f32).clamp(0.0, 1.0);
        let mut sum = [0.0; 3];
        let mut left = 1.0;
        for (at, level) in self.levels.iter().enumerate().skip(first) {
            let scale = 0.5_f32.powi(at as i32 + 1);
            let [red, green, blue, weight] = level.sample(x * scale, y * scale);
            // The first level fades out while the next one takes over.
            let share = if at == first { 1.0 - part } else { 1.0 };
            let trust = if at == last {
                1.0
            } else {
                share * (weight * 1.25).min(1.0)
            };
            let by = left * trust / weight.max(1e-6);
            sum = [sum[0] + red * by, sum[1] + green * by, sum[2] + blue * by];
            left *= 1.0 - trust;
            if left < 1e-3 {
                return sum.map(|value| value / (1.0 - left));
            }
        }
        sum
    }
}

impl Level {
    fn half(width: usize, height: usize, source: impl Fn(usize, usize) -> Weighted + Sync) -> Self {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let mut data = vec![[0.0; 4]; half_width * half_height];
        each_row(&mut data, half_width, |y, row| {
            let near =
                |at: usize, tap: usize, end: usize| (at * 2 + tap).saturating_sub(1).min(end - 1);
            for (x, pixel) in row.iter_mut().enumerate() {
                for (down, weight_down) in TAPS.iter().enumerate() {
                    for (across, weight_across) in TAPS.iter().enumerate() {
                        let read = source(near(x, across, width), near(y, down, height));
                        let by = weight_down * weight_across;
                        for (sum, value) in pixel.iter_mut().zip(read) {
                            *sum += value * by;
                        }
                    }
                }
            }
        });
        Self {
            width: half_width,
            height: half_height,
            data,
        }
    }

    /// Reads between the pixels with a quadratic spline, which leaves no
    /// creases however far the level is enlarged.
    fn sample(&self, x: f32, y: f32) -> Weighted {
        let spline = |at: f32| {
            let middle = at.floor();
            let t = at - middle - 0.5;
            let taps = [
                0.5 * (0.5 - t).powi(2),
                0.75 - t * t,
                0.5 * (0.5 + t).powi(2),
            ];
            (middle as i64, taps)
        };
        let ((column, across), (row, down)) = (spline(x), spline(y));
        let mut sum = [0.0; 4];
        for (dy, weight_down) in (-1..=1).zip(down) {
            let y = (row + dy).clamp(0, self.height as i64 - 1) as usize;
            for (dx, weight_across) in (-1..=1).zip(across) {
                let x = (column + dx).clamp(0, self.width as i64 - 1) as usize;
                let by = weight_down * weight_across;
                for (sum, value) in sum.iter_mut().zip(self.data[y * self.width + x]) {
                    *sum += value * by;
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_at_every_blur() {
        let pyramid = Pyramid::build(37, 11, |_, _| [0.2, 0.4, 0.6, 1.0]);
        for blur in [0.0, 1.0, 3.0, 20.0, 5000.0] {
            for (x, y) in [(0.0, 0.0), (18.0, 5.0), (36.9, 10.9)] {
                let [red, green, blue] = pyramid.sample(x, y, blur);
                assert!(
                    (red - 0.2).abs() < 1e-3
                        && (green - 0.4).abs() < 1e-3
                        && (blue - 0.6).abs() < 1e-3
                );
            }
        }
    }

    #[test]
    fn what_counts_for_nothing_is_filled_from_around_it() {
        // A black hole of 40 pixels in a grey picture.
        let pyramid = Pyramid::build(100, 100, |x, y| {
            let is_hole = (30..70).contains(&x) && (30..70).contains(&y);
            if is_hole {
                [0.0; 4]
            } else {
                [0.5, 0.5, 0.5, 1.0]
            }
        });
        for place in [30.0, 50.0, 69.0] {
            assert!((pyramid.sample(place, 50.0, 1.0)[0] - 0.5).abs() < 0.01);
        }
    }

    #[test]
    fn more_blur_sees_further() {
        let pyramid = Pyramid::build(256, 8, |x, _| {
            let value = f32::from(u8::from(x >= 128));
            [value, value, value, 1.0]
        });
        let at = |blur: f32| pyramid.sample(110.0, 4.0, blur)[0];
        assert!(at(2.0) < 0.01 && at(20.0) > 0.1 && at(60.0) > at(20.0));
    }

    #[test]
    fn every_size_has_levels() {
        for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3)] {
            let pyramid = Pyramid::build(width, height, |_, _| [1.0, 1.0, 1.0, 1.0]);
            assert!((pyramid.sample(0.5, 0.5, 9.0)[1] - 1.0).abs() < 1e-3);
        }
    }
}
