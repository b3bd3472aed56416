//! Maps made half as large, twice as large, or as large as the picture.

use rayon::prelude::*;

use super::block::{BORDER, Block, Pixel};

/// The greatest of each 2×2, into a block of half the side.
pub(super) fn halve(input: &Block, output: &mut Block) {
    let side = output.side();
    let stride = output.stride();
    output
        .rows_mut()
        .par_chunks_mut(stride)
        .enumerate()
        .for_each(|(y, row)| {
            let (above, _) = input.row(2 * y).as_chunks::<2>();
            let (below, _) = input.row(2 * y + 1).as_chunks::<2>();
            for ((out, [a, b]), [c, d]) in row[BORDER..][..side].iter_mut().zip(above).zip(below) {
                *out = Pixel(std::array::from_fn(|lane| {
                    a.0[lane].max(b.0[lane]).max(c.0[lane].max(d.0[lane]))
                }));
            }
        });
}

/// Bilinear, into a block of twice the side.
///
/// SPEC: half-pixel centres: each output lies a quarter of a pixel from its
/// nearest input, and the edge repeats.
pub(super) fn double(input: &Block, output: &mut Block) {
    let side = input.side();
    let stride = output.stride();
    output
        .rows_mut()
        .par_chunks_mut(stride)
        .enumerate()
        .for_each(|(y, row)| {
            let near = y / 2;
            let far = if y % 2 == 0 {
                near.saturating_sub(1)
            } else {
                (near + 1).min(side - 1)
            };
            let (near, far) = (input.row(near), input.row(far));
            let between = |x: usize| {
                let (near, far) = (&near[x].0, &far[x].0);
                Pixel(std::array::from_fn(|lane| {
                    0.75 * near[lane] + 0.25 * far[lane]
                }))
            };
            let (pairs, _) = row[BORDER..][..2 * side].as_chunks_mut::<2>();
            let mut left = between(0);
            let mut middle = left;
            for (x, [even, odd]) in pairs.iter_mut().enumerate() {
                let right = between((x + 1).min(side - 1));
                for lane in 0..middle.0.len() {
                    even.0[lane] = 0.75 * middle.0[lane] + 0.25 * left.0[lane];
                    odd.0[lane] = 0.75 * middle.0[lane] + 0.25 * right.0[lane];
                }
                left = middle;
                middle = right;
            }
        });
}

/// Adds `weight` times a one-channel map of `side`×`side` to `output`, of
/// `wanted`×`wanted`, bilinearly as [`double`] does for any ratio.
pub(super) fn add_scaled(
    input: &[f32],
    side: usize,
    weight: f32,
    wanted: usize,
    output: &mut [f32],
) {
    let places: Vec<(usize, usize, f32)> = (0..wanted)
        .map(|at| {
            let place = ((at as f32 + 0.5) * side as f32 / wanted as f32 - 0.5).max(0.0);
            let first = (place as usize).min(side - 1);
            (first, (first + 1).min(side - 1), place - first as f32)
        })
        .collect();
    output
        .par_chunks_mut(wanted)
        .zip(&places)
        .for_each(|(row, &(top, bottom, down))| {
            let (top, bottom) = (
                &input[top * side..][..side],
                &input[bottom * side..][..side],
            );
            for (out, &(left, right, across)) in row.iter_mut().zip(&places) {
                let above = top[left] + (top[right] - top[left]) * across;
                let below = bottom[left] + (bottom[right] - bottom[left]) * across;
                *out += weight * (above + (below - above) * down);
            }
        });
}
