//! The convolution that makes one channel: a map's own guess at the mask.

#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::block::{BORDER, Block, LANES, Pixel};
use super::weights::Filter;

/// A 3×3 convolution with one output channel and no rectification.
#[derive(Debug)]
pub(super) struct Side {
    /// `[input block][tap]`.
    weights: Vec<Pixel>,
    bias: f32,
}

impl Side {
    /// Arranges `filter`, which has one output channel and a 3×3 kernel.
    pub(super) fn new(filter: &Filter) -> Self {
        let blocks = filter.inputs.div_ceil(LANES);
        let weights = (0..blocks * 9)
            .map(|at| {
                let (block, tap) = (at / 9, at % 9);
                Pixel(std::array::from_fn(|lane| {
                    filter.weights[(block * LANES + lane) * 9 + tap]
                }))
            })
            .collect();
        Self {
            weights,
            bias: filter.bias[0],
        }
    }

    /// The one channel, row by row.
    pub(super) fn run(&self, inputs: &[Block]) -> Vec<f32> {
        let side = inputs.first().map_or(0, Block::side);
        let mut output = vec![0.0; side * side];
        output
            .par_chunks_mut(side.max(1))
            .enumerate()
            .for_each(|(y, output)| {
                pulp::Arch::new().dispatch(Row {
                    side: self,
                    inputs,
                    y,
                    output,
                });
            });
        output
    }
}

/// One row of the output.
struct Row<'a> {
    side: &'a Side,
    inputs: &'a [Block],
    y: usize,
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (x, out) in self.output.iter_mut().enumerate() {
            let mut sum = simd.splat_f32s(0.0);
            let weights = self.side.weights.chunks_exact(9);
            for (input, weights) in self.inputs.iter().zip(weights) {
                for (line, weights) in weights.chunks_exact(3).enumerate() {
                    let pixels = input.run(x + BORDER - 1, self.y + BORDER - 1 + line, 3);
                    for (pixel, weights) in pixels.iter().zip(weights) {
                        let (pixel, _) = S::as_simd_f32s(&pixel.0);
                        let (weights, _) = S::as_simd_f32s(&weights.0);
                        for (value, weight) in pixel.iter().zip(weights) {
                            sum = simd.mul_add_f32s(*value, *weight, sum);
                        }
                    }
                }
            }
            *out = self.side.bias + simd.reduce_sum_f32s(sum);
        }
    }
}
