//! The filter that enlarges by a whole number, and its reverse.

/// How far the filter reaches to either side, in pixels of the original.
const REACH: usize = 3;
const TAPS: usize = 2 * REACH;

/// Rows of numbers, several to a pixel.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) data: Vec<f32>,
}

impl Block {
    pub(super) fn new(width: usize, height: usize, channels: usize) -> Self {
        Self {
            width,
            height,
            channels,
            data: vec![0.0; width * height * channels],
        }
    }

    pub(super) fn stride(&self) -> usize {
        self.width * self.channels
    }

    pub(super) fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.stride()..(y + 1) * self.stride()]
    }

    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let stride = self.stride();
        self.data.chunks_exact_mut(stride)
    }

    /// What is left of this one when the other is taken from it.
    pub(super) fn less(&self, other: &Self) -> Self {
        let mut left = self.clone();
        left.data
            .iter_mut()
            .zip(&other.data)
            .for_each(|(own, other)| *own -= other);
        left
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.data
            .iter_mut()
            .zip(&other.data)
            .for_each(|(own, other)| *own += other);
    }
}

/// Lanczos weights for each of the places between two pixels that a whole
/// scale has.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) scale: usize,
    /// For each place: how many pixels before its own the taps begin, and them.
    phases: Vec<(usize, [f32; TAPS])>,
}

impl Filter {
    pub(super) fn lanczos(scale: usize) -> Self {
        let phases = (0..scale).map(|at| {
            // The centre of the small pixel, seen from that of its large one.
            let centre = (at as f32 + 0.5) / scale as f32 - 0.5;
            let before = if centre < 0.0 { REACH } else { REACH - 1 };
            let mut taps = [0.0; TAPS];
            for (tap, weight) in taps.iter_mut().enumerate() {
                *weight = lanczos(centre - (tap as f32 - before as f32));
            }
            let sum: f32 = taps.iter().sum();
            (before, taps.map(|weight| weight / sum))
        });
        Self {
            scale,
            phases: phases.collect(),
        }
    }

    pub(super) fn enlarge(&self, small: &Block) -> Block {
        let across = self.across(small);
        let mut large = Block::new(across.width, small.height * self.scale, small.channels);
        let last = small.height - 1;
        for (y, target) in large.rows_mut().enumerate() {
            let (before, taps) = self.phases[y % self.scale];
            for (tap, weight) in taps.iter().enumerate() {
                let from = (y / self.scale + tap).saturating_sub(before).min(last);
                for (target, source) in target.iter_mut().zip(across.row(from)) {
                    *target += source * weight;
                }
            }
        }
        large
    }

    fn across(&self, small: &Block) -> Block {
        let channels = small.channels;
        let mut wide = Block::new(small.width * self.scale, small.height, channels);
        let last = small.width - 1;
        let mut padded = vec![0.0; (small.width + 2 * REACH) * channels];
        for (y, target) in wide.rows_mut().enumerate() {
            let row = small.row(y);
            for (at, pixel) in padded.chunks_exact_mut(channels).enumerate() {
                let from = at.saturating_sub(REACH).min(last) * channels;
                pixel.copy_from_slice(&row[from..from + channels]);
            }
            for (x, pixel) in target.chunks_exact_mut(channels).enumerate() {
                let (before, taps) = &self.phases[x % self.scale];
                let first = (x / self.scale + REACH - before) * channels;
                let window = &padded[first..first + TAPS * channels];
                for (source, weight) in window.chunks_exact(channels).zip(taps) {
                    for (target, source) in pixel.iter_mut().zip(source) {
                        *target += source * weight;
                    }
                }
            }
        }
        wide
    }

    /// Each pixel the mean of those that it became: what a sensor sees.
    pub(super) fn shrink(&self, large: &Block) -> Block {
        let channels = large.channels;
        let mut small = Block::new(
            large.width / self.scale,
            large.height / self.scale,
            channels,
        );
        let part = 1.0 / (self.scale * self.scale) as f32;
        for (y, target) in small.rows_mut().enumerate() {
            for row in 0..self.scale {
                let source = large.row(y * self.scale + row);
                for (target, group) in target
                    .chunks_exact_mut(channels)
                    .zip(source.chunks_exact(channels * self.scale))
                {
                    for source in group.chunks_exact(channels) {
                        for (target, source) in target.iter_mut().zip(source) {
                            *target += source * part;
                        }
                    }
                }
            }
        }
        small
    }
}

fn lanczos(x: f32) -> f32 {
    let reach = REACH as f32;
    if x.abs() < 1e-6 {
        return 1.0;
    }
    if x.abs() >= reach {
        return 0.0;
    }
    let turned = std::f32::consts::PI * x;
    reach * turned.sin() * (turned / reach).sin() / (turned * turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_block_and_a_slope_stay_what_they_are() {
        for scale in 2..=4 {
            let filter = Filter::lanczos(scale);
            let mut block = Block::new(20, 9, 1);
            for row in block.rows_mut() {
                row.iter_mut()
                    .enumerate()
                    .for_each(|(x, value)| *value = x as f32);
            }
            let large = filter.enlarge(&block);
            for x in 4 * scale..16 * scale {
                let expected = (x as f32 + 0.5) / scale as f32 - 0.5;
                assert!((large.row(4 * scale)[x] - expected).abs() < 0.02);
            }
            let back = filter.shrink(&large);
            assert!((back.row(4)[10] - 10.0).abs() < 0.02);
        }
    }
}
