//! U²-Net-p: a U of small Us.
//!
//! SPEC: Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient
//! Object Detection" (2020), table 1, the small variant: 16 channels inside a
//! U, 64 between them.

use super::SegmentError;
use super::block::{Arena, BORDER, Block};
use super::convolution::{Before, Convolution};
use super::sampling::{add_scaled, double, halve};
use super::side::Side;
use super::weights::{self, Filter};

/// The side of the network's input and output, in pixels.
pub(super) const SIDE: usize = 320;
/// Channels inside a small U.
const INNER: usize = 16;
/// Channels between the small Us.
const OUTER: usize = 64;

/// The convolutions of one small U, in the order in which they run.
#[derive(Debug)]
struct SmallU {
    entry: Convolution,
    down: Vec<Convolution>,
    bottom: Convolution,
    up: Vec<Convolution>,
    /// Whether all of it is at one size, widening by dilation alone.
    flat: bool,
}

/// The whole network, its weights arranged.
#[derive(Debug)]
pub(super) struct Network {
    encoders: Vec<SmallU>,
    decoders: Vec<SmallU>,
    sides: Vec<Side>,
    /// What each side's guess counts in the mask.
    shares: Vec<f32>,
    bias: f32,
}

/// The convolutions of a file, taken one after the other.
struct Filters(std::iter::Enumerate<std::vec::IntoIter<Filter>>);

impl Filters {
    fn next(
        &mut self,
        outputs: usize,
        inputs: usize,
        kernel: usize,
        dilation: usize,
    ) -> Result<Filter, SegmentError> {
        let (at, filter) = self
            .0
            .next()
            .ok_or_else(|| SegmentError::Load("it has too few convolutions".to_owned()))?;
        let found = (
            filter.outputs,
            filter.inputs,
            filter.kernel,
            filter.dilation,
        );
        if found == (outputs, inputs, kernel, dilation) {
            return Ok(filter);
        }
        Err(SegmentError::Load(format!(
            "convolution {at} has {found:?} outputs, inputs, kernel and dilation; \
             U²-Net-p has {:?}",
            (outputs, inputs, kernel, dilation)
        )))
    }

    /// A small U of `depth` levels.
    fn small_u(&mut self, depth: usize, inputs: usize, flat: bool) -> Result<SmallU, SegmentError> {
        let mut next = |outputs, inputs, dilation| {
            self.next(outputs, inputs, 3, dilation)
                .map(|filter| Convolution::new(&filter))
        };
        let dilation = |level: usize| if flat { 1 << level } else { 1 };
        let entry = next(OUTER, inputs, 1)?;
        let mut down = vec![next(INNER, OUTER, 1)?];
        for level in 1..depth - 1 {
            down.push(next(INNER, INNER, dilation(level))?);
        }
        let bottom = next(INNER, INNER, if flat { dilation(depth - 1) } else { 2 })?;
        let mut up = Vec::new();
        for level in (0..depth - 1).rev() {
            let outputs = if level == 0 { OUTER } else { INNER };
            up.push(next(outputs, 2 * INNER, dilation(level))?);
        }
        Ok(SmallU {
            entry,
            down,
            bottom,
            up,
            flat,
        })
    }
}

impl Network {
    /// Reads the weights of an ONNX file.
    ///
    /// # Errors
    /// [`SegmentError::Load`] when they are not those of U²-Net-p.
    pub(super) fn load(file: &[u8]) -> Result<Self, SegmentError> {
        Self::arrange(weights::read(file)?)
    }

    /// Arranges the convolutions of U²-Net-p, given in the order in which they run.
    ///
    /// # Errors
    /// [`SegmentError::Load`] for the convolutions of something else.
    pub(super) fn arrange(filters: Vec<Filter>) -> Result<Self, SegmentError> {
        let mut filters = Filters(filters.into_iter().enumerate());
        let mut encoders = Vec::new();
        for (level, depth) in [7, 6, 5, 4, 4, 4].into_iter().enumerate() {
            let inputs = if level == 0 { 3 } else { OUTER };
            encoders.push(filters.small_u(depth, inputs, level >= 4)?);
        }
        let mut decoders = Vec::new();
        for (level, depth) in [4, 4, 5, 6, 7].into_iter().enumerate() {
            decoders.push(filters.small_u(depth, 2 * OUTER, level == 0)?);
        }
        let mut sides = Vec::new();
        for _ in 0..encoders.len() {
            sides.push(Side::new(&filters.next(1, OUTER, 3, 1)?));
        }
        let fusion = filters.next(1, encoders.len(), 1, 1)?;
        Ok(Self {
            encoders,
            decoders,
            sides,
            bias: fusion.bias[0],
            shares: fusion.weights,
        })
    }

    /// The mask of a picture of [`SIDE`]×[`SIDE`], between 0 and 1, row by row.
    /// `rgb` holds one normalised pixel after the other.
    pub(super) fn run(&self, rgb: &[[f32; 3]]) -> Vec<f32> {
        let mut arena = Arena::default();
        let mut picture = arena.take(SIDE, 1);
        for block in &mut picture {
            let stride = block.stride();
            for (row, colours) in block.rows_mut().chunks_mut(stride).zip(rgb.chunks(SIDE)) {
                for (pixel, colour) in row[BORDER..].iter_mut().zip(colours) {
                    pixel.0[..3].copy_from_slice(colour);
                }
            }
        }
        let mut levels: Vec<Vec<Block>> = Vec::new();
        let mut input = picture;
        for (level, encoder) in self.encoders.iter().enumerate() {
            let output = encoder.run(&mut arena, &input.iter().collect::<Vec<_>>());
            arena.give(input);
            input = if level + 1 < self.encoders.len() {
                resized(&mut arena, &output, halve, |side| side / 2)
            } else {
                Vec::new()
            };
            levels.push(output);
        }

        let mut mask = vec![self.bias; SIDE * SIDE];
        let mut guess = |level: usize, map: &[Block]| {
            let side = map.first().map_or(0, Block::side);
            let guess = self.sides[level].run(map);
            add_scaled(&guess, side, self.shares[level], SIDE, &mut mask);
        };
        let mut deeper = levels.pop().unwrap_or_default();
        guess(levels.len(), &deeper);
        for decoder in &self.decoders {
            let skip = levels.pop().unwrap_or_default();
            let raised = resized(&mut arena, &deeper, double, |side| side * 2);
            arena.give(deeper);
            deeper = decoder.run(&mut arena, &raised.iter().chain(&skip).collect::<Vec<_>>());
            arena.give(raised);
            arena.give(skip);
            guess(levels.len(), &deeper);
        }
        for value in &mut mask {
            *value = 1.0 / (1.0 + (-*value).exp());
        }
        mask
    }
}

impl SmallU {
    fn run(&self, arena: &mut Arena, input: &[&Block]) -> Vec<Block> {
        let entry = convolved(arena, &self.entry, input);
        let mut skips: Vec<Vec<Block>> = Vec::new();
        for convolution in &self.down {
            let map = match skips.last() {
                None => convolved(arena, convolution, &entry.iter().collect::<Vec<_>>()),
                Some(above) if self.flat => {
                    convolved(arena, convolution, &above.iter().collect::<Vec<_>>())
                }
                Some(above) => {
                    let halved = resized(arena, above, halve, |side| side / 2);
                    let map = convolved(arena, convolution, &halved.iter().collect::<Vec<_>>());
                    arena.give(halved);
                    map
                }
            };
            skips.push(map);
        }
        let last: Vec<&Block> = skips.last().into_iter().flatten().collect();
        let mut deeper = convolved(arena, &self.bottom, &last);
        let mut output = entry;
        for convolution in &self.up {
            let skip = skips.pop().unwrap_or_default();
            let deep_side = deeper.first().map_or(0, Block::side);
            if skip.first().is_some_and(|skip| skip.side() != deep_side) {
                let raised = resized(arena, &deeper, double, |side| side * 2);
                arena.give(std::mem::replace(&mut deeper, raised));
            }
            let inputs: Vec<&Block> = deeper.iter().chain(&skip).collect();
            if skips.is_empty() {
                // The U's output is added to its entry, in place.
                convolution.run(&inputs, &mut output, Before::Add);
            } else {
                let map = convolved(arena, convolution, &inputs);
                arena.give(std::mem::replace(&mut deeper, map));
            }
            arena.give(skip);
        }
        arena.give(deeper);
        output
    }
}

fn convolved(arena: &mut Arena, convolution: &Convolution, input: &[&Block]) -> Vec<Block> {
    let side = input.first().map_or(0, |block| block.side());
    let mut output = arena.take(side, convolution.output_blocks());
    convolution.run(input, &mut output, Before::Replace);
    output
}

fn resized(
    arena: &mut Arena,
    input: &[Block],
    resize: fn(&Block, &mut Block),
    side: fn(usize) -> usize,
) -> Vec<Block> {
    let wanted = side(input.first().map_or(0, Block::side));
    let mut output = arena.take(wanted, input.len());
    for (input, output) in input.iter().zip(&mut output) {
        resize(input, output);
    }
    output
}
