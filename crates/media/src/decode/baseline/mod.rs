//! A quick way through the plain kind of JPEG, for pictures that are made small.
//!
//! libjpeg-turbo decodes every coefficient and gives colours of pixels. A
//! thumbnail needs the lowest few coefficients of each block, and brightness and
//! colour apart, as the file has them and as its own format wants them. Here the
//! rest is read and dropped.
//!
//! What is not the plain case, and whatever looks damaged, answers `None`: then
//! libjpeg-turbo decides, and what it refuses is refused.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

mod bits;
mod blocks;
mod header;
mod huffman;
mod row;

use bits::Bits;
use blocks::{Batch, Scaled};
use header::{Component, Header};
use huffman::Table;
use row::{ROOM, ROW, Tables};

/// The place within a block, row by row, of each coefficient of a file.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A component of a picture, made small.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) pixels: Vec<u8>,
    /// The sides of `pixels`, which go on beyond the picture to whole units.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// From one line of `pixels` to the next.
    pub(crate) stride: usize,
    /// The sides of what belongs to the picture, as the scale would have them.
    pub(crate) exact: (f64, f64),
}

/// The longest file that is decoded here: its scan is held twice meanwhile.
const MAX_BYTES: usize = 16 << 20;

/// Decodes brightness, and the two planes of colour where there are any, of a
/// picture with the sides that its header was found to tell. The longest side
/// becomes at least `longest` for brightness, and half of that for colour.
/// `None` where this is of no use, or not this decoder's business.
pub(crate) fn decode(bytes: &[u8], sides: (u32, u32), longest: usize) -> Option<Vec<Plane>> {
    struct Decode<'a>(&'a [u8], (u32, u32), usize);
    impl pulp::WithSimd for Decode<'_> {
        type Output = Option<Vec<Plane>>;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
            decode_plain(self.0, self.1, self.2)
        }
    }
    if bytes.len() > MAX_BYTES {
        return None;
    }
    pulp::Arch::new().dispatch(Decode(bytes, sides, longest))
}

#[inline(always)]
fn decode_plain(bytes: &[u8], sides: (u32, u32), longest_side: usize) -> Option<Vec<Plane>> {
    let header = header::read(bytes)?;
    if (header.width, header.height) != (sides.0 as usize, sides.1 as usize) {
        return None;
    }
    let scan = Scan::collect(bytes.get(header.scan..)?)?;
    let mut decoding = Decoding::new(&header, longest_side)?;
    decoding.run(&scan)?;
    let (across, down) = decoding.most;
    let share = |side: usize, part: usize, whole: usize, scale: usize| {
        (side * part * scale) as f64 / (whole * 8) as f64
    };
    let drawn = decoding.parts.into_iter().map(|part| {
        let (component, scaled) = (part.component, part.scaled);
        Plane {
            width: scaled.width,
            height: scaled.pixels.len() / scaled.stride,
            stride: scaled.stride,
            exact: (
                share(header.width, component.across, across, scaled.scale),
                share(header.height, component.down, down, scaled.scale),
            ),
            pixels: scaled.pixels,
        }
    });
    Some(drawn.collect())
}

/// A scan without its stuffing, in the pieces that begin anew.
struct Scan {
    bytes: Vec<u8>,
    /// Where each piece begins and ends.
    pieces: Vec<(usize, usize)>,
}

/// What lies between two pieces, so that a reader may look ahead.
const GAP: usize = 8;

impl Scan {
    #[inline(always)]
    fn collect(mut rest: &[u8]) -> Option<Self> {
        const STRIDE: usize = 32;
        let mut bytes = Vec::with_capacity(rest.len() + GAP);
        let mut pieces = Vec::new();
        let mut start = 0;
        loop {
            while let Some(run) = rest.first_chunk::<STRIDE>() {
                // Without a way out, so that it becomes one comparison of vectors.
                let markers = run.iter().map(|byte| u8::from(*byte == 0xff));
                if markers.fold(0, |any, is| any | is) != 0 {
                    break;
                }
                bytes.extend_from_slice(run);
                rest = &rest[STRIDE..];
            }
            let at = rest.iter().position(|byte| *byte == 0xff)?;
            bytes.extend_from_slice(&rest[..at]);
            let marker = *rest.get(at + 1)?;
            rest = &rest[at + 2..];
            match marker {
                0 => bytes.push(0xff),
                0xd0..=0xd7 | 0xd9 => {
                    pieces.push((start, bytes.len()));
                    bytes.extend_from_slice(&[0; GAP]);
                    start = bytes.len();
                    if marker == 0xd9 {
                        return Some(Self { bytes, pieces });
                    }
                    if usize::from(marker - 0xd0) != (pieces.len() - 1) % 8 {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }
}

/// A component while it is decoded.
struct Part<'a> {
    component: &'a Component,
    first: &'a Table,
    others: &'a Table,
    scaled: Scaled,
    batch: Batch,
    /// The first coefficient of the block before.
    last: i16,
}

/// A picture while it is decoded.
struct Decoding<'a> {
    parts: Vec<Part<'a>>,
    /// The blocks of a unit, across and down, of the component that has most.
    most: (usize, usize),
    /// How many units there are, across and down.
    units: (usize, usize),
    /// After how many units everything begins anew.
    piece: usize,
}

impl<'a> Decoding<'a> {
    fn new(header: &'a Header, longest_side: usize) -> Option<Self> {
        let longest = header.width.max(header.height);
        let most = |of: fn(&Component) -> usize| header.components.iter().map(of).max();
        let most = (most(|of| of.across)?, most(|of| of.down)?);
        let units = (
            header.width.div_ceil(8 * most.0),
            header.height.div_ceil(8 * most.1),
        );
        let mut parts = Vec::with_capacity(3);
        for (at, component) in header.components.iter().enumerate() {
            let wanted = if at == 0 {
                longest_side
            } else {
                longest_side / 2
            };
            // By the coarser direction of the two.
            let across = longest * component.across / most.0;
            let side = across.min(longest * component.down / most.1);
            let scale = [1, 2, 3, 4]
                .into_iter()
                .find(|scale| side * scale / 8 >= wanted)?;
            let quantiser = header.quantisers[component.quantiser].as_ref()?;
            let (across, down) = (units.0 * component.across, units.1 * component.down);
            let (first, others) = header.tables_of(component)?;
            parts.push(Part {
                component,
                first,
                others,
                scaled: Scaled::new(scale, across, down, quantiser),
                batch: Batch::default(),
                last: 0,
            });
        }
        let piece = if header.restart > 0 {
            header.restart
        } else {
            usize::MAX
        };
        Some(Self {
            parts,
            most,
            units,
            piece,
        })
    }

    /// The tables of a row of blocks, as many units as it holds.
    fn tables(&self) -> Tables<'a> {
        let of_unit = self
            .parts
            .iter()
            .flat_map(|part| std::iter::repeat_n(part, part.blocks_of_unit()));
        // INVARIANT: the head has one component or three, of one block at least.
        let mut of_row = of_unit.cycle();
        Tables::new(&std::array::from_fn(|_| {
            let part = of_row.next().expect("a component");
            (part.first, part.others)
        }))
    }

    #[inline(always)]
    fn run(&mut self, scan: &Scan) -> Option<()> {
        let mut left = self.units.0 * self.units.1;
        if scan.pieces.len() != left.div_ceil(self.piece) {
            return None;
        }
        let (mut x, mut y) = (0, 0);
        let in_unit = self.parts.iter().map(Part::blocks_of_unit).sum::<usize>();
        let units_at_once = ROW / in_unit;
        let tables = self.tables();
        let mut row = [0; ROW * ROOM];
        for &(start, end) in &scan.pieces {
            let mut bits = Bits::new(&scan.bytes, start);
            let count = self.piece.min(left);
            left -= count;
            for part in &mut self.parts {
                part.last = 0;
            }
            for start in (0..count).step_by(units_at_once) {
                let units = units_at_once.min(count - start);
                tables.read(&mut bits, &mut row, units * in_unit)?;
                let mut read = row.as_chunks_mut().0.iter_mut();
                for _ in 0..units {
                    for part in &mut self.parts {
                        part.unit(&mut read, x, y)?;
                    }
                    x += 1;
                    if x == self.units.0 {
                        (x, y) = (0, y + 1);
                    }
                }
                // A few bytes may claim to be a large picture.
                if bits.place() > end * 8 {
                    return None;
                }
            }
            // What is left is what fills the last byte.
            let (place, end) = (bits.place(), end * 8);
            if place > end || end - place > 7 {
                return None;
            }
        }
        for part in &mut self.parts {
            part.scaled.draw(&mut part.batch);
        }
        Some(())
    }
}

impl Part<'_> {
    /// How many blocks a unit has of this component.
    fn blocks_of_unit(&self) -> usize {
        self.component.across * self.component.down
    }

    /// Takes what a unit has of this component of the blocks that were read, and
    /// leaves zeros.
    #[inline(always)]
    fn unit<'b>(
        &mut self,
        blocks: &mut impl Iterator<Item = &'b mut [i16; ROOM]>,
        x: usize,
        y: usize,
    ) -> Option<()> {
        let (across, down) = (self.component.across, self.component.down);
        for below in 0..down {
            for right in 0..across {
                let block = blocks.next()?;
                // The file has differences of first coefficients.
                self.last = self.last.wrapping_add(block[1]);
                block[1] = self.last;
                let offset = self.scaled.offset(x * across + right, y * down + below);
                if self.batch.take(self.scaled.scale, offset, block) {
                    self.scaled.draw(&mut self.batch);
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
