//! Edges of an enlarged picture: without stairs along them, crisp across.
//!
//! The structure tensor says for each place in which direction brightness
//! changes, and how sure that is. Along an edge the colour is the mean of its
//! neighbours; across, it moves away from theirs, but not out of the range of
//! colours that the original has around it: beyond lie halos.

use super::filter::Block;

/// How much of a colour along a sure edge comes from its neighbours.
const ALONG: f32 = 0.5;
/// How far a colour moves away from its neighbours across a sure edge.
const ACROSS: f32 = 0.35;
/// What of a colour's way beyond the range around it is kept.
const BEYOND: f32 = 0.25;

/// The enlarged block with its edges refined; `original` is what it was made of.
pub(super) fn refine(large: &Block, original: &Block, scale: usize) -> Block {
    let directions = Directions::of(large, scale);
    let range = Range::of(original);
    let mut refined = large.clone();
    let (channels, width) = (large.channels, large.width);
    let step = 0.5 * scale as f32;
    for (at, pixel) in refined.data.chunks_exact_mut(channels).enumerate() {
        let (x, y) = (at % width, at / width);
        let (sure, [across_x, across_y]) = directions.at(x, y);
        if sure > 0.01 {
            let (dx, dy) = (across_x * step, across_y * step);
            let along = large.beside(x, y, -dy, dx);
            let crossed = large.beside(x, y, dx, dy);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let own = *value;
                let smoothed = ALONG * (along[channel] - own);
                *value += sure * (smoothed + ACROSS * (own - crossed[channel]));
            }
        }
        let (least, greatest) = range.at(x / scale, y / scale);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let inside = value.clamp(least[channel], greatest[channel]);
            *value = inside + (*value - inside) * BEYOND;
        }
    }
    refined
}

impl Block {
    /// The mean of the two places that lie to either side of a pixel.
    fn beside(&self, x: usize, y: usize, dx: f32, dy: f32) -> [f32; 4] {
        let mut sum = [0.0; 4];
        for sign in [1.0, -1.0] {
            self.add_between(x as f32 + dx * sign, y as f32 + dy * sign, &mut sum);
        }
        sum.map(|value| value * 0.5)
    }

    /// Adds what lies between the four pixels around a place; beyond the edge
    /// it goes on.
    fn add_between(&self, x: f32, y: f32, sum: &mut [f32; 4]) {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = (
            (left + 1).min(self.width - 1),
            (top + 1).min(self.height - 1),
        );
        let (across, down) = (x - left as f32, y - top as f32);
        let corners = [
            (left, top, (1.0 - across) * (1.0 - down)),
            (right, top, across * (1.0 - down)),
            (left, bottom, (1.0 - across) * down),
            (right, bottom, across * down),
        ];
        for (x, y, weight) in corners {
            let at = (y * self.width + x) * self.channels;
            let pixel = &self.data[at..at + self.channels];
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value * weight;
            }
        }
    }
}

/// The direction across the edge at each place, and how sure it is.
struct Directions {
    width: usize,
    /// Sums of products of the gradient: xx, xy, yy.
    tensor: Vec<[f32; 3]>,
}

impl Directions {
    fn of(block: &Block, scale: usize) -> Self {
        let (width, height) = (block.width, block.height);
        let brightness: Vec<f32> = block
            .data
            .chunks_exact(block.channels)
            .map(|pixel| 0.3 * pixel[0] + 0.59 * pixel[1] + 0.11 * pixel[2])
            .collect();
        let read = |x: usize, y: usize| brightness[y * width + x];
        let mut products = vec![[0.0; 3]; width * height];
        for y in 0..height {
            let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
            for x in 0..width {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
                let dx = read(right, y) - read(left, y);
                let dy = read(x, below) - read(x, above);
                products[y * width + x] = [dx * dx, dx * dy, dy * dy];
            }
        }
        let across = mean_of_lines(&products, width, height, scale, 1, width);
        let tensor = mean_of_lines(&across, height, width, scale, width, 1);
        Self { width, tensor }
    }

    fn at(&self, x: usize, y: usize) -> (f32, [f32; 2]) {
        let [xx, xy, yy] = self.tensor[y * self.width + x];
        let difference = ((xx - yy) * (xx - yy) + 4.0 * xy * xy).sqrt();
        let sum = (xx + yy).max(0.0);
        // A change of a few steps is grain, and grain has no direction.
        let coherence = difference / (sum + 24.0);
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        (coherence * coherence, [angle.cos(), angle.sin()])
    }
}

/// Means over `2 × radius + 1` numbers along lines of `length`, of which there
/// are `lines`; `step` leads along a line and `next` to the next one.
fn mean_of_lines(
    source: &[[f32; 3]],
    length: usize,
    lines: usize,
    radius: usize,
    step: usize,
    next: usize,
) -> Vec<[f32; 3]> {
    let mut target = vec![[0.0; 3]; source.len()];
    let part = 1.0 / (2 * radius + 1) as f32;
    for line in 0..lines {
        let read = |at: i64| source[line * next + at.clamp(0, length as i64 - 1) as usize * step];
        let mut sum = [0.0_f32; 3];
        let reach = radius as i64;
        for at in -reach..=reach {
            sum = add(sum, read(at), 1.0);
        }
        for at in 0..length as i64 {
            target[line * next + at as usize * step] = sum.map(|value| value * part);
            sum = add(sum, read(at + reach + 1), 1.0);
            sum = add(sum, read(at - reach), -1.0);
        }
    }
    target
}

fn add(sum: [f32; 3], other: [f32; 3], sign: f32) -> [f32; 3] {
    [0, 1, 2].map(|at: usize| sum[at] + sign * other[at])
}

/// The least and the greatest value among a pixel of the original and the eight
/// around it.
struct Range {
    width: usize,
    channels: usize,
    least: Vec<f32>,
    greatest: Vec<f32>,
}

impl Range {
    fn of(original: &Block) -> Self {
        let channels = original.channels;
        let (width, height) = (original.width, original.height);
        let mut least = original.data.clone();
        let mut greatest = original.data.clone();
        for y in 0..height {
            for row in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for x in 0..width {
                    for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                        for channel in 0..channels {
                            let value = original.data[(row * width + column) * channels + channel];
                            let at = (y * width + x) * channels + channel;
                            least[at] = least[at].min(value);
                            greatest[at] = greatest[at].max(value);
                        }
                    }
                }
            }
        }
        Self {
            width,
            channels,
            least,
            greatest,
        }
    }

    fn at(&self, x: usize, y: usize) -> (&[f32], &[f32]) {
        let at = (y * self.width + x) * self.channels;
        let pixel = at..at + self.channels;
        (&self.least[pixel.clone()], &self.greatest[pixel])
    }
}
