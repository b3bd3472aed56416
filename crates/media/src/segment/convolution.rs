//! The 3×3 convolution, which is nearly all of the network's time.
//!
//! A direct convolution: a tile of neighbouring outputs stays in registers
//! while every input channel and every tap of the kernel is added to it. Nothing
//! is rearranged in memory first, which for 16 and 64 channels costs a general
//! matrix product more than the product itself.

#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::block::{BORDER, Block, LANES, Pixel};
use super::weights::Filter;

/// What happens with the value that a place had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// It is replaced.
    Replace,
    /// It is added to, after the rectification.
    Add,
}

/// A 3×3 convolution with its bias, rectified, its weights in the order in
/// which they are read.
#[derive(Debug)]
pub(super) struct Convolution {
    dilation: usize,
    /// Channels that are read of each input block.
    read: usize,
    input_blocks: usize,
    /// Output blocks computed together, 1 or 2: two share each load of an input.
    together: usize,
    /// `[group][input block][tap][channel][block of the group]`.
    weights: Vec<Pixel>,
    /// One an output block.
    bias: Vec<Pixel>,
}

impl Convolution {
    /// Arranges `filter`, whose kernel is 3×3 and whose outputs fill blocks.
    pub(super) fn new(filter: &Filter) -> Self {
        let output_blocks = filter.outputs.div_ceil(LANES);
        let together = if output_blocks.is_multiple_of(2) && lanes() == LANES {
            2
        } else {
            1
        };
        // The picture has three channels; the rest of its block need not be read.
        let read = if filter.inputs <= NARROW {
            NARROW
        } else {
            LANES
        };
        let input_blocks = filter.inputs.div_ceil(LANES);
        let mut weights = Vec::with_capacity(output_blocks * input_blocks * 9 * read);
        for group in 0..output_blocks / together {
            for input in 0..input_blocks {
                for tap in 0..9 {
                    for channel in 0..read {
                        for block in group * together..(group + 1) * together {
                            weights.push(Pixel(std::array::from_fn(|lane| {
                                let (from, to) = (input * LANES + channel, block * LANES + lane);
                                if from < filter.inputs && to < filter.outputs {
                                    filter.weights[(to * filter.inputs + from) * 9 + tap]
                                } else {
                                    0.0
                                }
                            })));
                        }
                    }
                }
            }
        }
        let bias = (0..output_blocks)
            .map(|block| {
                Pixel(std::array::from_fn(|lane| {
                    filter
                        .bias
                        .get(block * LANES + lane)
                        .copied()
                        .unwrap_or(0.0)
                }))
            })
            .collect();
        Self {
            dilation: filter.dilation,
            read,
            input_blocks,
            together,
            weights,
            bias,
        }
    }

    /// How many blocks it makes.
    pub(super) fn output_blocks(&self) -> usize {
        self.bias.len()
    }

    /// Computes `outputs`, one block for each sixteen output channels, from
    /// `inputs`, one for each sixteen input channels, all of one side.
    pub(super) fn run(&self, inputs: &[&Block], outputs: &mut [Block], before: Before) {
        debug_assert_eq!(inputs.len(), self.input_blocks);
        debug_assert_eq!(outputs.len(), self.output_blocks());
        let per_group = self.weights.len() / (self.bias.len() / self.together);
        let groups = outputs
            .chunks_exact_mut(self.together)
            .zip(self.weights.chunks_exact(per_group))
            .zip(self.bias.chunks_exact(self.together));
        for ((outputs, weights), bias) in groups {
            match (outputs, bias) {
                ([only], &[bias]) => {
                    let (stride, rows) = (only.stride(), rows_a_task(only.side()));
                    only.rows_mut()
                        .par_chunks_mut(stride * rows)
                        .enumerate()
                        .for_each(|(task, out)| {
                            self.rows(inputs, weights, [bias], before, task * rows, [out]);
                        });
                }
                ([one, two], &[first, second]) => {
                    let (stride, rows) = (one.stride(), rows_a_task(one.side()));
                    one.rows_mut()
                        .par_chunks_mut(stride * rows)
                        .zip(two.rows_mut().par_chunks_mut(stride * rows))
                        .enumerate()
                        .for_each(|(task, (one, two))| {
                            let bias = [first, second];
                            self.rows(inputs, weights, bias, before, task * rows, [one, two]);
                        });
                }
                _ => {}
            }
        }
    }

    fn rows<const TOGETHER: usize>(
        &self,
        inputs: &[&Block],
        weights: &[Pixel],
        bias: [Pixel; TOGETHER],
        before: Before,
        first_row: usize,
        outputs: [&mut [Pixel]; TOGETHER],
    ) {
        pulp::Arch::new().dispatch(Rows {
            inputs,
            weights,
            bias,
            before,
            dilation: self.dilation,
            read: self.read,
            first_row,
            outputs,
        });
    }
}

/// Channels read of a block that holds the picture: three, and one of zeros.
const NARROW: usize = 4;

/// Enough tasks that no thread waits long for the last, few enough that their
/// start does not count.
fn rows_a_task(side: usize) -> usize {
    side.div_ceil(4 * rayon::current_num_threads()).max(1)
}

/// How many numbers a vector register of this machine holds.
fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Lanes)
}

/// Some rows of one group of output blocks.
struct Rows<'a, const TOGETHER: usize> {
    inputs: &'a [&'a Block],
    weights: &'a [Pixel],
    bias: [Pixel; TOGETHER],
    before: Before,
    dilation: usize,
    read: usize,
    first_row: usize,
    outputs: [&'a mut [Pixel]; TOGETHER],
}

impl<const TOGETHER: usize> WithSimd for Rows<'_, TOGETHER> {
    type Output = ();

    /// Tiles are as wide as the registers allow: 32 of them with AVX-512 and
    /// NEON, 16 with AVX2, less one for the input and some for the weights.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (S::F32_LANES, TOGETHER, self.read) {
            (16, 1, NARROW) => self.tiles::<S, 1, 20, NARROW>(simd),
            (16, 1, _) => self.tiles::<S, 1, 20, LANES>(simd),
            (16, _, NARROW) => self.tiles::<S, 1, 10, NARROW>(simd),
            (16, ..) => self.tiles::<S, 1, 10, LANES>(simd),
            (8, _, NARROW) => self.tiles::<S, 2, 6, NARROW>(simd),
            (8, ..) => self.tiles::<S, 2, 6, LANES>(simd),
            (4, _, NARROW) => self.tiles::<S, 4, 6, NARROW>(simd),
            (4, ..) => self.tiles::<S, 4, 6, LANES>(simd),
            (_, _, NARROW) => self.tiles::<S, 16, 1, NARROW>(simd),
            _ => self.tiles::<S, 16, 1, LANES>(simd),
        }
    }
}

impl<const TOGETHER: usize> Rows<'_, TOGETHER> {
    /// `VECTORS` registers hold the sixteen channels of one output.
    #[inline(always)]
    fn tiles<S: Simd, const VECTORS: usize, const TILE: usize, const READ: usize>(self, simd: S) {
        let Some(first) = self.inputs.first() else {
            return;
        };
        let (side, stride) = (first.side(), first.stride());
        let zero = simd.splat_f32s(0.0);
        let bias: [[S::f32s; VECTORS]; TOGETHER] =
            std::array::from_fn(|block| vectors::<S, VECTORS>(&self.bias[block]));
        let rows = self.outputs[0].len() / stride;
        for row in 0..rows {
            let y = self.first_row + row;
            for x in (0..side).step_by(TILE) {
                let mut sums = [bias; TILE];
                let mut weights = self.weights;
                for input in self.inputs {
                    for tap in 0..9 {
                        let (right, down) = (tap % 3 * self.dilation, tap / 3 * self.dilation);
                        let corner = BORDER - self.dilation;
                        let pixels = input.run(x + corner + right, y + corner + down, TILE);
                        let Some(pixels) = pixels.first_chunk::<TILE>() else {
                            return;
                        };
                        let Some((of_tap, rest)) = weights.split_at_checked(READ * TOGETHER) else {
                            return;
                        };
                        weights = rest;
                        let (of_tap, _) = of_tap.as_chunks::<TOGETHER>();
                        let Some(of_tap) = of_tap.first_chunk::<READ>() else {
                            return;
                        };
                        for (channel, factors) in of_tap.iter().enumerate() {
                            let factors: [[S::f32s; VECTORS]; TOGETHER] =
                                std::array::from_fn(|block| vectors::<S, VECTORS>(&factors[block]));
                            for (sums, pixel) in sums.iter_mut().zip(pixels) {
                                let value = simd.splat_f32s(pixel.0[channel]);
                                for (sums, factors) in sums.iter_mut().zip(&factors) {
                                    for (sum, factor) in sums.iter_mut().zip(factors) {
                                        *sum = simd.mul_add_f32s(value, *factor, *sum);
                                    }
                                }
                            }
                        }
                    }
                }
                // Every place of `sums` is named by a constant: an array that is
                // indexed by anything else lives in memory, not in registers.
                let valid = side - x;
                for (at, sums) in sums.iter().enumerate() {
                    if at >= valid {
                        break;
                    }
                    for (block, sums) in sums.iter().enumerate() {
                        let place = row * stride + BORDER + x + at;
                        let out = &mut self.outputs[block][place].0;
                        let (out, _) = S::as_mut_simd_f32s(out);
                        for (out, sum) in out.iter_mut().zip(sums) {
                            let value = simd.max_f32s(*sum, zero);
                            *out = match self.before {
                                Before::Replace => value,
                                Before::Add => simd.add_f32s(value, *out),
                            };
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn vectors<S: Simd, const VECTORS: usize>(pixel: &Pixel) -> [S::f32s; VECTORS] {
    let (vectors, _) = S::as_simd_f32s(&pixel.0);
    std::array::from_fn(|at| vectors[at])
}
