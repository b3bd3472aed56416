//! Continues a picture beyond its border.
//!
//! At the border what is added is the picture's own mirror image, so that there
//! is no seam; further out it is blurred more and more, so that nobody sees a
//! mirror. The subject is left out of it, and the picture's grain is added
//! where the blur took it.

use crate::plane::{Plane, smoothstep};
use crate::pyramid::Pyramid;
use crate::rows::each_row;
use crate::{Channels, Frame, MediaError, Picture};

/// How much the blur grows with each pixel away from the border.
const BLUR_PER_PIXEL: f32 = 0.28;

/// Lays `inner` (opaque) at a place of a larger frame and fills the rest.
/// `subject` says how much of each part of `inner` is the subject.
pub(super) fn extend(
    inner: &Picture,
    (left, top): (u32, u32),
    subject: &Plane,
    frame: Frame,
) -> Result<Picture, MediaError> {
    let (width, height) = (inner.width() as usize, inner.height() as usize);
    let is_subject = |x: usize, y: usize| {
        subject.sample(
            (x as f32 + 0.5) / width as f32,
            (y as f32 + 0.5) / height as f32,
        )
    };
    let colour = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        let pixel = &inner.pixels()[at..at + 3];
        [0, 1, 2].map(|channel: usize| f32::from(pixel[channel]))
    };
    let pyramid = Pyramid::build(width, height, |x, y| {
        let weight = 1.0 - is_subject(x, y);
        let [red, green, blue] = colour(x, y);
        [red * weight, green * weight, blue * weight, weight]
    });
    let grain = grain(inner, subject);
    let stride = frame.width as usize * 3;
    let mut pixels = vec![0; stride * frame.height as usize];
    let (left, top) = (left as usize, top as usize);
    each_row(&mut pixels, stride, |y, row| {
        let (from_y, away_y) = mirrored(y as i64 - top as i64, height);
        for (x, target) in row.chunks_exact_mut(3).enumerate() {
            let (from_x, away_x) = mirrored(x as i64 - left as i64, width);
            if away_x == 0 && away_y == 0 {
                let at = (from_y * width + from_x) * 3;
                target.copy_from_slice(&inner.pixels()[at..at + 3]);
                continue;
            }
            let away = (away_x as f32).hypot(away_y as f32);
            let blur = away * BLUR_PER_PIXEL;
            let (u, v) = (from_x as f32 + 0.5, from_y as f32 + 0.5);
            let soft = pyramid.sample(u, v, blur.max(1.0));
            // Close to the border the mirror image is sharp.
            let share = smoothstep(0.5, 2.5, blur).max(is_subject(from_x, from_y).min(1.0));
            let sharp = if share < 1.0 {
                colour(from_x, from_y)
            } else {
                soft
            };
            let noise = noise(x, y) * grain * share;
            for channel in 0..3 {
                let value = sharp[channel] + (soft[channel] - sharp[channel]) * share + noise;
                target[channel] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    });
    Picture::new(frame.width, frame.height, Channels::Rgb, pixels)
}

/// The place within `length` that lies as far inside the border as `at` lies
/// outside, and how far that is; 0 for a place within.
fn mirrored(at: i64, length: usize) -> (usize, usize) {
    let length = length as i64;
    let away = if at < 0 {
        -at
    } else {
        (at - length + 1).max(0)
    };
    let period = 2 * length;
    let folded = at.rem_euclid(period);
    let inside = if folded < length {
        folded
    } else {
        period - 1 - folded
    };
    (inside as usize, away as usize)
}

/// The deviation of what is finer than two pixels, in the background, in steps
/// of brightness. The median, so that edges count for nothing.
fn grain(inner: &Picture, subject: &Plane) -> f32 {
    let (width, height) = (inner.width() as usize, inner.height() as usize);
    if width < 3 || height < 3 {
        return 0.0;
    }
    let step = (width * height / 40_000).max(1);
    let luma = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        let pixel = &inner.pixels()[at..at + 3];
        0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
    };
    let mut found = Vec::new();
    for at in (0..width * height).step_by(step) {
        let (x, y) = (
            (at % width).clamp(1, width - 2),
            (at / width).clamp(1, height - 2),
        );
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        if subject.sample(u, v) > 0.05 {
            continue;
        }
        // A Laplacian that slopes do not touch (Immerkær 1996).
        let corners =
            luma(x - 1, y - 1) + luma(x + 1, y - 1) + luma(x - 1, y + 1) + luma(x + 1, y + 1);
        let sides = luma(x, y - 1) + luma(x, y + 1) + luma(x - 1, y) + luma(x + 1, y);
        found.push((corners - 2.0 * sides + 4.0 * luma(x, y)).abs() / 6.0);
    }
    if found.is_empty() {
        return 0.0;
    }
    let middle = found.len() / 2;
    let (_, median, _) = found.select_nth_unstable_by(middle, f32::total_cmp);
    // From the median of what is normally distributed to its deviation.
    (*median * 1.48).min(8.0)
}

/// Noise of deviation 1, the same for a place on every run.
fn noise(x: usize, y: usize) -> f32 {
    let mut state = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    let mut sum = 0.0;
    for _ in 0..3 {
        state ^= state >> 15;
        state = state.wrapping_mul(0x2C1B_3C6D);
        state ^= state >> 12;
        sum += (state >> 8) as f32 / 16_777_216.0 - 0.5;
    }
    // The sum of three has the deviation 1/2.
    sum * 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_outside_lie_as_far_inside() {
        for (at, expected) in [
            (0, (0, 0)),
            (9, (9, 0)),
            (-1, (0, 1)),
            (10, (9, 1)),
            (-10, (9, 10)),
            (-11, (9, 11)),
            (25, (5, 16)),
        ] {
            assert_eq!(mirrored(at, 10), expected, "{at}");
        }
        assert_eq!(mirrored(-1_000_000, 1).0, 0);
    }

    #[test]
    fn noise_has_no_mean_and_the_deviation_one() {
        let all: Vec<f32> = (0..10_000).map(|at| noise(at % 100, at / 100)).collect();
        let mean = all.iter().sum::<f32>() / 10_000.0;
        let square = all.iter().map(|value| value * value).sum::<f32>() / 10_000.0;
        assert!(
            mean.abs() < 0.05 && (square - 1.0).abs() < 0.1,
            "{mean} {square}"
        );
    }
}
