//! From a coarse mask to a subject that can stand anywhere.
//!
//! The mask is refined by a guided filter, so that its edge follows the
//! picture's; then the colours along the edge are freed of the old background,
//! so that no dark or bright fringe comes along. Both solve for smooth
//! coefficients at a bounded size and apply them at full resolution: memory and
//! time for the solving do not grow with the picture.

use crate::plane::{Plane, smoothstep};
use crate::segment::Mask;
use crate::{Channels, Picture};

/// The longest side at which coefficients are solved for, in pixels.
const WORKING_SIDE: usize = 1024;
/// How much the filter smooths what has no edge: the variance of a flat area.
const FLATNESS: f32 = 4e-4;

/// Cuts the subject out: RGBA at the picture's size, straight alpha.
pub fn cut_out(picture: &Picture, mask: &Mask) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (small_width, small_height) = working_size(width, height);
    let channels = shrink(picture, small_width, small_height);
    let coarse = Plane {
        width: mask.width as usize,
        height: mask.height as usize,
        data: mask
            .alpha
            .iter()
            .map(|value| f32::from(*value) / 255.0)
            .collect(),
    }
    .without_specks()
    .resized(small_width, small_height);
    let guided = Guided::solve(&channels, &coarse);
    let alpha = guided.alpha(&channels);
    let edge = EdgeColours::estimate(&channels, &alpha);
    render(picture, &guided, &edge)
}

fn working_size(width: usize, height: usize) -> (usize, usize) {
    let longest = width.max(height);
    if longest <= WORKING_SIDE {
        return (width, height);
    }
    let scale = |side: usize| (side * WORKING_SIDE / longest).max(1);
    (scale(width), scale(height))
}

/// The picture's three channels at a smaller size, each pixel the mean of those
/// that it stands for.
fn shrink(picture: &Picture, width: usize, height: usize) -> [Plane; 3] {
    let bytes = if picture.channels() == Channels::Rgba {
        4
    } else {
        3
    };
    let (from_width, from_height) = (picture.width() as usize, picture.height() as usize);
    let mut planes = [0, 1, 2].map(|_| Plane::new(width, height, 0.0));
    let pixels = picture.pixels();
    for y in 0..height {
        let rows = (y * from_height / height)..((y + 1) * from_height).div_ceil(height);
        for x in 0..width {
            let columns = (x * from_width / width)..((x + 1) * from_width).div_ceil(width);
            let mut sums = [0_u32; 3];
            for row in rows.clone() {
                for column in columns.clone() {
                    let at = (row * from_width + column) * bytes;
                    sums[0] += u32::from(pixels[at]);
                    sums[1] += u32::from(pixels[at + 1]);
                    sums[2] += u32::from(pixels[at + 2]);
                }
            }
            let count = (rows.len() * columns.len()) as f32 * 255.0;
            for (plane, sum) in planes.iter_mut().zip(sums) {
                plane.data[y * width + x] = sum as f32 / count;
            }
        }
    }
    planes
}

/// The guided filter's answer (He et al. 2013, with a colour guide): alpha is a
/// weighted sum of the three channels and an offset, all four smooth. Colour
/// tells a red saucer from brown wood where brightness alone does not.
struct Guided {
    weights: [Plane; 3],
    offset: Plane,
    /// Where the subject may be at all: a little around the coarse mask, so
    /// that the background's grain does not shine through far from the edge.
    reach: Plane,
}

impl Guided {
    fn solve(channels: &[Plane; 3], coarse: &Plane) -> Self {
        // As wide as the coarse mask is uncertain: a few of its own pixels.
        let radius = (coarse.width.max(coarse.height) / 110).clamp(1, 12);
        let mean = [0, 1, 2].map(|at: usize| channels[at].blurred(radius));
        let mean_mask = coarse.blurred(radius);
        let covariance = [0, 1, 2].map(|at: usize| {
            let product = channels[at].zip(coarse, |a, b| a * b).blurred(radius);
            let means = mean[at].zip(&mean_mask, |a, b| a * b);
            product.zip(&means, |a, b| a - b)
        });
        let pairs =
            [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].map(|(a, b): (usize, usize)| {
                let product = channels[a].zip(&channels[b], |a, b| a * b).blurred(radius);
                let means = mean[a].zip(&mean[b], |a, b| a * b);
                product.zip(&means, |a, b| a - b)
            });
        let (width, height) = (coarse.width, coarse.height);
        let mut weights = [0, 1, 2].map(|_| Plane::new(width, height, 0.0));
        let mut offset = mean_mask;
        for at in 0..width * height {
            let matrix = [0, 1, 2, 3, 4, 5].map(|pair: usize| pairs[pair].data[at]);
            let solved = solve_symmetric(
                matrix,
                [0, 1, 2].map(|channel: usize| covariance[channel].data[at]),
            );
            for channel in 0..3 {
                weights[channel].data[at] = solved[channel];
                offset.data[at] -= solved[channel] * mean[channel].data[at];
            }
        }
        let reach = coarse.blurred(radius);
        Self {
            weights: weights.map(|plane| plane.blurred(radius)),
            offset: offset.blurred(radius),
            reach,
        }
    }

    fn alpha(&self, channels: &[Plane; 3]) -> Plane {
        let (width, height) = (self.offset.width, self.offset.height);
        Plane::from_fn(width, height, |x, y| {
            let at = y * width + x;
            let sum: f32 = (0..3)
                .map(|channel| self.weights[channel].data[at] * channels[channel].data[at])
                .sum();
            firm(sum + self.offset.data[at], self.reach.data[at]).shown
        })
    }

    fn alpha_at(&self, u: f32, v: f32, colour: [f32; 3]) -> Alpha {
        let sum: f32 = (0..3)
            .map(|channel| self.weights[channel].sample(u, v) * colour[channel])
            .sum();
        firm(sum + self.offset.sample(u, v), self.reach.sample(u, v))
    }
}

/// Solves the symmetric system of which the upper half is given, row by row,
/// made definite by [`FLATNESS`].
fn solve_symmetric([a, b, c, d, e, f]: [f32; 6], right: [f32; 3]) -> [f32; 3] {
    let (a, d, f) = (a + FLATNESS, d + FLATNESS, f + FLATNESS);
    let cofactors = [d * f - e * e, c * e - b * f, b * e - c * d];
    let determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2];
    if determinant.abs() < 1e-14 {
        return [0.0; 3];
    }
    let (second, third, fourth) = (a * f - c * c, b * c - a * e, a * d - b * b);
    [
        (cofactors[0] * right[0] + cofactors[1] * right[1] + cofactors[2] * right[2]) / determinant,
        (cofactors[1] * right[0] + second * right[1] + third * right[2]) / determinant,
        (cofactors[2] * right[0] + third * right[1] + fourth * right[2]) / determinant,
    ]
}

/// How much of a pixel is subject.
struct Alpha {
    /// As the picture's own colours say: what the colours are freed by.
    seen: f32,
    /// With the coarse mask's certainty on top: what is written.
    shown: f32,
}

/// What is nearly nothing is nothing, what is nearly whole is whole: the
/// network is never quite sure, and a veil over the background is ugly.
fn firm(alpha: f32, reach: f32) -> Alpha {
    // The coarse mask has the last word on either side of the edge.
    let inside = smoothstep(0.90, 0.985, reach);
    let seen = smoothstep(0.18, 0.82, alpha) * smoothstep(0.06, 0.32, reach);
    Alpha {
        seen,
        shown: seen + (1.0 - seen) * inside,
    }
}

/// What the subject and the background look like near each place: means of
/// either side's colours, weighted by alpha, first wide and then narrow.
struct EdgeColours {
    subject: [Plane; 3],
    background: [Plane; 3],
}

impl EdgeColours {
    fn estimate(channels: &[Plane; 3], alpha: &Plane) -> Self {
        let longest = alpha.width.max(alpha.height);
        let wide = (longest / 12).max(2);
        let narrow = (longest / 160).max(2);
        let inverse = Plane {
            data: alpha.data.iter().map(|alpha| 1.0 - alpha).collect(),
            ..alpha.clone()
        };
        let side = |weight: &Plane| {
            let (wide_sum, narrow_sum) = (weight.blurred(wide), weight.blurred(narrow));
            [0, 1, 2].map(|channel: usize| {
                let weighted = channels[channel].zip(weight, |colour, weight| colour * weight);
                let far = weighted
                    .blurred(wide)
                    .zip(&wide_sum, |colour, sum| colour / sum.max(1e-4));
                let near = weighted.blurred(narrow);
                // Where the narrow window has seen little of this side, the
                // wide one speaks.
                let mut mixed = near.zip(&narrow_sum, |colour, sum| colour / sum.max(1e-4));
                for ((mixed, far), sum) in
                    mixed.data.iter_mut().zip(&far.data).zip(&narrow_sum.data)
                {
                    *mixed = *far + (*mixed - *far) * smoothstep(0.02, 0.2, *sum);
                }
                mixed
            })
        };
        Self {
            subject: side(alpha),
            background: side(&inverse),
        }
    }
}

fn render(picture: &Picture, guided: &Guided, edge: &EdgeColours) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bytes = if picture.channels() == Channels::Rgba {
        4
    } else {
        3
    };
    let mut pixels = vec![0_u8; width * height * 4];
    let threads = 2.min(height);
    let rows = height.div_ceil(threads);
    std::thread::scope(|scope| {
        for (part, target) in pixels.chunks_mut(rows * width * 4).enumerate() {
            scope.spawn(move || {
                for (at, target) in target.chunks_exact_mut(4).enumerate() {
                    let (x, y) = (at % width, part * rows + at / width);
                    let source = &picture.pixels()[(y * width + x) * bytes..][..bytes];
                    let (u, v) = (
                        (x as f32 + 0.5) / width as f32,
                        (y as f32 + 0.5) / height as f32,
                    );
                    target.copy_from_slice(&pixel(source, guided, edge, u, v));
                }
            });
        }
    });
    rgba(picture, pixels)
}

fn pixel(source: &[u8], guided: &Guided, edge: &EdgeColours, u: f32, v: f32) -> [u8; 4] {
    let colour = [0, 1, 2].map(|channel| f32::from(source[channel]) / 255.0);
    let own = source.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
    let Alpha { seen, shown } = guided.alpha_at(u, v, colour);
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    if shown <= 0.0 {
        return [0, 0, 0, 0];
    }
    let freed = if shown >= 0.999 {
        colour
    } else {
        let subject = [0, 1, 2].map(|channel: usize| edge.subject[channel].sample(u, v));
        let background = [0, 1, 2].map(|channel: usize| edge.background[channel].sample(u, v));
        without_background(colour, seen, subject, background)
    };
    [
        byte(freed[0]),
        byte(freed[1]),
        byte(freed[2]),
        byte(shown * own),
    ]
}

/// The compositing equation, solved for the subject's colour with the estimates
/// as what is known (Forte 2021, "Approximate fast foreground colour
/// estimation"). Where the two sides differ clearly, the pixel's own colour says
/// how much of it is background, and is believed over a too sure alpha.
fn without_background(
    colour: [f32; 3],
    seen: f32,
    subject: [f32; 3],
    background: [f32; 3],
) -> [f32; 3] {
    let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let apart = [0, 1, 2].map(|channel: usize| subject[channel] - background[channel]);
    let own = [0, 1, 2].map(|channel: usize| colour[channel] - background[channel]);
    let contrast = dot(apart, apart);
    let mixed = (dot(own, apart) / contrast.max(1e-4)).clamp(0.0, 1.0);
    let trust = smoothstep(0.01, 0.06, contrast);
    let part = seen + (mixed.min(seen) - seen) * trust;
    [0, 1, 2].map(|channel: usize| {
        let expected = part * subject[channel] + (1.0 - part) * background[channel];
        subject[channel] + part * (colour[channel] - expected)
    })
}

fn rgba(picture: &Picture, pixels: Vec<u8>) -> Picture {
    // INVARIANT: four bytes for each pixel of the same sides were made above.
    Picture::new(picture.width(), picture.height(), Channels::Rgba, pixels)
        .expect("the sides fit the pixels")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bright disc on a dark ground, its edge one pixel soft.
    fn disc(side: u32) -> (Picture, Mask) {
        let centre = side as f32 / 2.0;
        let inside = |x: u32, y: u32| {
            let distance =
                ((x as f32 + 0.5 - centre).powi(2) + (y as f32 + 0.5 - centre).powi(2)).sqrt();
            (centre * 0.6 - distance + 0.5).clamp(0.0, 1.0)
        };
        let mut pixels = Vec::new();
        let mut alpha = Vec::new();
        for y in 0..side {
            for x in 0..side {
                let mix =
                    |subject: f32, ground: f32| (ground + (subject - ground) * inside(x, y)) as u8;
                pixels.extend([mix(220.0, 20.0), mix(200.0, 25.0), mix(190.0, 30.0)]);
                alpha.push((inside(x, y) * 255.0) as u8);
            }
        }
        let picture = Picture::new(side, side, Channels::Rgb, pixels).unwrap();
        (
            picture,
            Mask {
                width: side,
                height: side,
                alpha,
            },
        )
    }

    #[test]
    fn the_edge_carries_no_dark_fringe() {
        let (picture, mask) = disc(200);
        let cutout = cut_out(&picture, &mask);
        let mut seen = 0;
        for pixel in cutout
            .pixels()
            .chunks_exact(4)
            .filter(|pixel| pixel[3] > 24)
        {
            // Laid on white, the worst pixel of the edge stays near the
            // subject's own brightness; with the old colours it would be dark.
            let alpha = f32::from(pixel[3]) / 255.0;
            let shown = f32::from(pixel[0]) * alpha + 255.0 * (1.0 - alpha);
            assert!(shown > 185.0, "{pixel:?}");
            seen += 1;
        }
        assert!(seen > 5000);
    }

    #[test]
    fn nothing_and_everything_stay_what_they_are() {
        let (picture, mask) = disc(64);
        for (value, expected) in [(0, 0), (255, 255)] {
            let mask = Mask {
                alpha: vec![value; mask.alpha.len()],
                ..mask.clone()
            };
            let cutout = cut_out(&picture, &mask);
            assert!(
                cutout
                    .pixels()
                    .chunks_exact(4)
                    .all(|pixel| pixel[3] == expected)
            );
        }
    }

    #[test]
    fn every_shape_of_picture_is_taken() {
        for (width, height) in [(1, 1), (1, 300), (3000, 2), (7, 5)] {
            let picture = Picture::new(
                width,
                height,
                Channels::Rgba,
                vec![128; (width * height * 4) as usize],
            )
            .unwrap();
            let mask = Mask {
                width: 2,
                height: 2,
                alpha: vec![0, 255, 255, 0],
            };
            let cutout = cut_out(&picture, &mask);
            assert_eq!((cutout.width(), cutout.height()), (width, height));
        }
    }
}
