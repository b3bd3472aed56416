//! Feature maps, sixteen channels at a time.
//!
//! A map of the network is a list of [`Block`]s. In a block the sixteen
//! channels of one place lie side by side, so that one vector register holds
//! them on AVX-512 (two on AVX2, four on NEON); to concatenate two maps is to
//! concatenate their lists.

/// How many channels a block holds.
pub(super) const LANES: usize = 16;

/// Zeros around a block, in pixels: the padding of a 3×3 convolution with the
/// network's largest dilation.
pub(super) const BORDER: usize = 8;

/// Zeros behind each row besides, in pixels, so that the last tile of a row may
/// be read whole: one less than the widest tile.
const SLACK: usize = 19;

/// The channels of one place. Aligned, so that no load crosses a cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Pixel(pub(super) [f32; LANES]);

impl Pixel {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// Sixteen channels of a square map, with a border of zeros.
#[derive(Debug)]
pub(super) struct Block {
    side: usize,
    stride: usize,
    pixels: Vec<Pixel>,
}

impl Block {
    /// A block of zeros for a map of `side`×`side`.
    pub(super) fn zeros(side: usize) -> Self {
        let stride = side + 2 * BORDER + SLACK;
        Self {
            side,
            stride,
            pixels: vec![Pixel::ZERO; stride * (side + 2 * BORDER)],
        }
    }

    /// The side of the map, in pixels, without the border.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// From the start of one row to the start of the next, in pixels.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// `count` pixels from the place (`x`, `y`), which may lie in the border:
    /// both count from the border's corner.
    pub(super) fn run(&self, x: usize, y: usize, count: usize) -> &[Pixel] {
        &self.pixels[y * self.stride + x..][..count]
    }

    /// One row of the map, without the border.
    pub(super) fn row(&self, y: usize) -> &[Pixel] {
        self.run(BORDER, y + BORDER, self.side)
    }

    /// Every row of the map, each [`Self::stride`] long, its border included.
    pub(super) fn rows_mut(&mut self) -> &mut [Pixel] {
        &mut self.pixels[BORDER * self.stride..][..self.side * self.stride]
    }
}

/// Blocks that were used and may be used again: fresh memory costs more than
/// the arithmetic of a small layer. It lives as long as one inference, so that
/// an idle server holds none of it.
#[derive(Debug, Default)]
pub(super) struct Arena {
    free: Vec<Block>,
}

impl Arena {
    /// `count` blocks for a map of `side`×`side`. Their border is zero, their
    /// inside is whatever was there.
    pub(super) fn take(&mut self, side: usize, count: usize) -> Vec<Block> {
        (0..count)
            .map(
                |_| match self.free.iter().position(|block| block.side == side) {
                    Some(at) => self.free.swap_remove(at),
                    None => Block::zeros(side),
                },
            )
            .collect()
    }

    /// Takes blocks back.
    pub(super) fn give(&mut self, blocks: impl IntoIterator<Item = Block>) {
        self.free.extend(blocks);
    }
}
