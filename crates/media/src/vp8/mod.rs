//! A WebP of a picture in planes, made quickly.
//!
//! libwebp is made to find the smallest file in the time that it is given; what
//! makes a thumbnail has little. This encoder knows one way to write a frame of
//! VP8 (RFC 6386): macroblocks guessed as a whole, the best of four guesses,
//! and coefficients in eight streams. It is held to libwebp's decoder, pixel by
//! pixel. What has alpha goes to libwebp.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

pub(crate) mod block;
mod channel;
mod coder;
mod lanes;
mod quantiser;
mod tables;
mod tokens;
mod tree;

use block::{analyse, analyse_means, quantise, quantise_means, restore, restore_means};
use channel::{Channel, Mode};
use coder::Coder;
use quantiser::Quantiser;
use tokens::{Kind, Tokens, present};
use tree::Tree;

use crate::planes::Planes;

/// How a macroblock was coded.
struct Coded {
    luma: Mode,
    chroma: Mode,
    /// Whether it has no coefficients at all.
    is_empty: bool,
}

/// Which blocks of the macroblocks around have coefficients.
#[derive(Debug, Clone, Copy, Default)]
struct Present {
    luma: [bool; 4],
    chroma: [[bool; 2]; 2],
    means: bool,
}

/// Encodes with the given quality (0–100).
pub(crate) fn encode(planes: &Planes, quality: f32) -> Vec<u8> {
    struct Encode<'a>(&'a Planes, f32);
    impl pulp::WithSimd for Encode<'_> {
        type Output = Vec<u8>;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<u8> {
            encode_frame(self.0, &Quantiser::of_quality(self.1))
        }
    }
    pulp::Arch::new().dispatch(Encode(planes, quality))
}

type Luma<'a> = Channel<'a, 1, 4, 16>;
type Chroma<'a> = Channel<'a, 2, 2, 8>;

#[inline(always)]
fn encode_frame(planes: &Planes, quantiser: &Quantiser) -> Vec<u8> {
    let (width, height) = (planes.width as usize, planes.height as usize);
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    let mut luma = Luma::new([&planes.luma], width, height, columns);
    let chroma = [planes.blue.as_slice(), planes.red.as_slice()];
    let mut chroma = Chroma::new(chroma, width.div_ceil(2), height.div_ceil(2), columns);
    let mut tokens = Tokens::new(columns * rows);
    let mut coded = Vec::with_capacity(columns * rows);
    let mut above = vec![Present::default(); columns];
    for row in 0..rows {
        luma.begin_row(row);
        chroma.begin_row(row);
        let mut left = Present::default();
        for (column, above) in above.iter_mut().enumerate() {
            let luma = code_luma(&mut luma, column, row, quantiser);
            let chroma = code_chroma(&mut chroma, column, row, quantiser);
            let is_empty = luma.is_empty() && chroma.is_empty();
            if is_empty {
                *above = Present::default();
                left = Present::default();
            } else {
                write_luma(&mut tokens, &luma, above, &mut left);
                write_chroma(&mut tokens, &chroma, above, &mut left);
                tokens.end_macroblock(row % lanes::STREAMS);
            }
            coded.push(Coded {
                luma: luma.mode,
                chroma: chroma.mode,
                is_empty,
            });
        }
    }
    write_file(planes, quantiser, &tokens, &coded)
}

/// The levels of a macroblock's luma or chroma.
struct Levels<const L: usize> {
    mode: Mode,
    means: [[i16; 1]; 16],
    blocks: [[i16; L]; 16],
    /// Which levels of each block are not zero, in the order of writing.
    present: [u16; L],
}

impl<const L: usize> Levels<L> {
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.present == [0; L] && self.means == [[0]; 16]
    }
}

#[inline(always)]
fn code_luma(
    channel: &mut Luma<'_>,
    column: usize,
    row: usize,
    quantiser: &Quantiser,
) -> Levels<16> {
    let from = channel.blocks(column, row);
    let (mode, guess) = channel.best(&from, column, row);
    let mut blocks = analyse(&from, &guess);
    let mut means = analyse_means(&blocks[0]);
    blocks[0] = [0; 16];
    let known_means = quantise_means(&mut means, quantiser.means);
    let mut known = quantise(&mut blocks, quantiser.luma);
    known[0] = restore_means(&known_means);
    channel.keep(column, &restore(known, &guess));
    Levels {
        mode,
        means: means.map(|mean| [mean]),
        present: present(&blocks),
        blocks,
    }
}

#[inline(always)]
fn code_chroma(
    channel: &mut Chroma<'_>,
    column: usize,
    row: usize,
    quantiser: &Quantiser,
) -> Levels<8> {
    let from = channel.blocks(column, row);
    let (mode, guess) = channel.best(&from, column, row);
    let mut blocks = analyse(&from, &guess);
    let known = quantise(&mut blocks, quantiser.chroma);
    channel.keep(column, &restore(known, &guess));
    Levels {
        mode,
        means: [[0]; 16],
        present: present(&blocks),
        blocks,
    }
}

#[inline(always)]
fn write_luma(tokens: &mut Tokens, levels: &Levels<16>, above: &mut Present, left: &mut Present) {
    let context = u16::from(above.means) + u16::from(left.means);
    let present_means = present(&levels.means);
    tokens.put(Kind::Means, [context], &levels.means, present_means);
    let is_present = present_means != [0];
    (above.means, left.means) = (is_present, is_present);

    let is_present = levels.present.map(|present| present != 0);
    let contexts = std::array::from_fn(|lane| {
        let (x, y) = (lane % 4, lane / 4);
        let above = if y == 0 {
            above.luma[x]
        } else {
            is_present[lane - 4]
        };
        let left = if x == 0 {
            left.luma[y]
        } else {
            is_present[lane - 1]
        };
        u16::from(above) + u16::from(left)
    });
    above.luma = std::array::from_fn(|x| is_present[12 + x]);
    left.luma = std::array::from_fn(|y| is_present[y * 4 + 3]);
    tokens.put(Kind::Luma, contexts, &levels.blocks, levels.present);
}

#[inline(always)]
fn write_chroma(tokens: &mut Tokens, levels: &Levels<8>, above: &mut Present, left: &mut Present) {
    let is_present = levels.present.map(|present| present != 0);
    let contexts = std::array::from_fn(|lane| {
        let (plane, x, y) = (lane / 4, lane % 2, lane % 4 / 2);
        let above = if y == 0 {
            above.chroma[plane][x]
        } else {
            is_present[lane - 2]
        };
        let left = if x == 0 {
            left.chroma[plane][y]
        } else {
            is_present[lane - 1]
        };
        u16::from(above) + u16::from(left)
    });
    for plane in 0..2 {
        above.chroma[plane] = [2, 3].map(|last| is_present[plane * 4 + last]);
        left.chroma[plane] = [1, 3].map(|last| is_present[plane * 4 + last]);
    }
    tokens.put(Kind::Chroma, contexts, &levels.blocks, levels.present);
}

/// Puts the file together: heads, modes, streams.
#[inline(always)]
fn write_file(planes: &Planes, quantiser: &Quantiser, tokens: &Tokens, coded: &[Coded]) -> Vec<u8> {
    let mut head = Coder::new(coded.len() + 1024);
    // Colour space and clamping as usual, no segments.
    head.put_number(0, 3);
    quantiser.write(&mut head);
    let tree = Tree::new(&tokens.counts, &mut head);
    let streams = lanes::code(&tokens.streams, &tree);
    let empty = coded.iter().filter(|coded| coded.is_empty).count();
    let full = ((coded.len() - empty) * 255 / coded.len().max(1)).clamp(1, 255) as u8;
    head.put(true, 128);
    head.put_number(u32::from(full), 8);
    for macroblock in coded {
        head.put(macroblock.is_empty, full);
        head.put(true, 145);
        let is_turned = matches!(macroblock.luma, Mode::Across | Mode::Slope);
        head.put(is_turned, 156);
        if is_turned {
            head.put(macroblock.luma == Mode::Slope, 128);
        } else {
            head.put(macroblock.luma == Mode::Down, 163);
        }
        head.put(macroblock.chroma != Mode::Mean, 142);
        if macroblock.chroma != Mode::Mean {
            head.put(macroblock.chroma != Mode::Down, 114);
            if macroblock.chroma != Mode::Down {
                head.put(macroblock.chroma != Mode::Across, 183);
            }
        }
    }
    container(planes, &head.finish(), &streams)
}

/// RIFF around the frame.
fn container(planes: &Planes, head: &[u8], streams: &[Vec<u8>; lanes::STREAMS]) -> Vec<u8> {
    let all: usize = streams.iter().map(Vec::len).sum();
    let size = 10 + head.len() + 3 * (lanes::STREAMS - 1) + all;
    let padded = size + size % 2;
    let mut file = Vec::with_capacity(20 + padded);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(12 + padded as u32).to_le_bytes());
    file.extend_from_slice(b"WEBPVP8 ");
    file.extend_from_slice(&(size as u32).to_le_bytes());
    // A key frame of version 0 that is shown.
    let tag = 1 << 4 | (head.len() as u32) << 5;
    file.extend_from_slice(&tag.to_le_bytes()[..3]);
    file.extend_from_slice(&[0x9d, 0x01, 0x2a]);
    file.extend_from_slice(&(planes.width as u16).to_le_bytes());
    file.extend_from_slice(&(planes.height as u16).to_le_bytes());
    file.extend_from_slice(head);
    for stream in &streams[..lanes::STREAMS - 1] {
        file.extend_from_slice(&(stream.len() as u32).to_le_bytes()[..3]);
    }
    for stream in streams {
        file.extend_from_slice(stream);
    }
    file.resize(20 + padded, 0);
    file
}

#[cfg(test)]
mod tests;
