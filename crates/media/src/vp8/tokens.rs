//! Coefficients as tokens: what each one is, and where in VP8's tree it begins.
//!
//! Where a coefficient begins depends on the size of the one before it alone. So
//! the tokens of all blocks of a macroblock are found at once, along lanes, and
//! then copied behind one another. How often each of them came says what the
//! choices that they stand for cost ([`super::tree`]); only then are they coded.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::block::Blocks;
use super::lanes::STREAMS;
use super::tables::{BANDS, CONTEXTS, KINDS};

/// What blocks hold, as far as their coefficients differ in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Luma without the mean of the block.
    Luma = 0,
    /// The means of the sixteen luma blocks.
    Means = 1,
    /// Chroma.
    Chroma = 2,
}

impl Kind {
    /// The first coefficient of such a block.
    const fn first(self) -> usize {
        match self {
            Self::Luma => 1,
            Self::Means | Self::Chroma => 0,
        }
    }
}

/// A node of the tree at which a coefficient begins, and which of [`SHAPES`] is there.
pub(super) type Token = u16;

/// The nodes that probabilities are told apart by: kinds, bands, contexts.
pub(super) const NODES: usize = KINDS * BANDS * CONTEXTS;

/// What there may be at a node: 0, 1, -1, 2, -2 and so on, then [`LARGE`] and [`END`].
pub(super) const SHAPES: usize = 16;

/// The least size that is [`LARGE`].
pub(super) const LARGE_SIZE: u16 = 7;

/// The sizes at which the tree tells spans of larger ones apart.
pub(super) const SPANS: [u16; 4] = [11, 19, 35, 67];

/// A coefficient whose size and sign stand beside the tokens.
pub(super) const LARGE: u16 = 2 * LARGE_SIZE - 1;

/// The end of a block.
pub(super) const END: u16 = LARGE + 1;

/// How many tokens there are.
pub(super) const TOKENS: usize = NODES * SHAPES;

/// The band of each coefficient.
const BAND: [u8; 16] = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7];

/// The places within a block in the order in which they are written.
const ZIGZAG: [u8; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// Which levels of each block are not zero, the first one in the lowest bit.
#[inline(always)]
pub(super) fn present<const L: usize>(levels: &Blocks<L>) -> [u16; L] {
    let mut present = [0; L];
    for (at, place) in ZIGZAG.into_iter().enumerate() {
        for (present, level) in present.iter_mut().zip(&levels[usize::from(place)]) {
            *present |= u16::from(*level != 0) << at;
        }
    }
    present
}

/// The most tokens of a block: its coefficients, and room for an end.
const OF_BLOCK: usize = 17;

/// The blocks of a macroblock: luma, its means, and chroma.
const BLOCKS: usize = 16 + 1 + 8;

/// What a stream of a frame holds.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) tokens: Vec<Token>,
    /// The levels of those that are [`LARGE`], in their order.
    pub(super) large: Vec<i16>,
}

/// How often each token came, and by node how large the large ones were.
#[derive(Debug)]
pub(super) struct Counts {
    /// Those of even and of odd places apart: a count that has just been written
    /// would be waited for.
    tokens: [[u32; TOKENS]; 2],
    /// From [`LARGE_SIZE`] on, and from each of [`SPANS`] on.
    pub(super) spans: [[u32; SPANS.len() + 1]; NODES],
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            tokens: [[0; TOKENS]; 2],
            spans: [[0; SPANS.len() + 1]; NODES],
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, tokens: &[Token]) {
        let [even, odd] = &mut self.tokens;
        let (pairs, last) = tokens.as_chunks();
        for [one, two] in pairs {
            even[usize::from(*one)] += 1;
            odd[usize::from(*two)] += 1;
        }
        for token in last {
            even[usize::from(*token)] += 1;
        }
    }

    /// How often each shape came at a node.
    pub(super) fn shapes(&self, node: usize) -> [u32; SHAPES] {
        std::array::from_fn(|shape| {
            let token = node * SHAPES + shape;
            self.tokens[0][token] + self.tokens[1][token]
        })
    }
}

/// The tokens of a frame.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) streams: [Stream; STREAMS],
    /// The macroblock that is being written down, and how many tokens it has.
    macroblock: [Token; BLOCKS * OF_BLOCK],
    length: usize,
    /// Its large levels.
    large: Vec<i16>,
    pub(super) counts: Box<Counts>,
}

impl Tokens {
    pub(super) fn new(macroblocks: usize) -> Self {
        // What a macroblock of a photo has, within reason.
        let room = (macroblocks / STREAMS * 256).min(1 << 17);
        Self {
            streams: std::array::from_fn(|_| Stream {
                tokens: Vec::with_capacity(room),
                large: Vec::new(),
            }),
            macroblock: [0; BLOCKS * OF_BLOCK],
            length: 0,
            large: Vec::new(),
            counts: Box::new(Counts::new()),
        }
    }

    /// Writes blocks down, of which `present` says what is not zero. `contexts` say
    /// how many of the neighbours above and to the left have coefficients.
    #[inline(always)]
    pub(super) fn put<const L: usize>(
        &mut self,
        kind: Kind,
        contexts: [u16; L],
        levels: &Blocks<L>,
        present: [u16; L],
    ) {
        let first = kind.first();
        let mut tokens = [[0; L]; 16];
        let mut ends = [[0; L]; 16];
        let mut is_large = [0; L];
        let mut context = contexts;
        for at in first..16 {
            let band = kind as usize * BANDS + usize::from(BAND[at]);
            let node = (band * CONTEXTS * SHAPES) as Token;
            let levels = &levels[usize::from(ZIGZAG[at])];
            for lane in 0..L {
                let size = levels[lane].unsigned_abs().min(LARGE_SIZE);
                let is_below_zero = levels[lane] as u16 >> 15;
                let shape = (2 * size + is_below_zero).saturating_sub(1).min(LARGE);
                let start = node + context[lane] * SHAPES as Token;
                tokens[at][lane] = start + shape;
                ends[at][lane] = start + END;
                is_large[lane] |= u16::from(size == LARGE_SIZE);
                context[lane] = size.min(2);
            }
        }
        for lane in 0..L {
            // INVARIANT: a macroblock has so many blocks at most, and then it ends.
            let room: &mut [Token; OF_BLOCK] = self.macroblock[self.length..]
                .first_chunk_mut()
                .expect("a block has its room");
            let after_last = (16 - present[lane].leading_zeros()) as usize;
            let after_last = after_last.max(first);
            // All of them, always: what is too much is written over.
            for at in first..16 {
                room[at - first] = tokens[at][lane];
            }
            room[after_last - first] = ends[after_last % 16][lane];
            self.length += after_last - first + usize::from(after_last < 16);
            if is_large[lane] != 0 {
                let tokens = tokens.map(|tokens| tokens[lane]);
                self.put_large(&tokens, &levels.map(|levels| levels[lane]));
            }
        }
    }

    /// Writes the large levels of a block down.
    #[cold]
    #[inline(never)]
    fn put_large(&mut self, tokens: &[Token; 16], levels: &[i16; 16]) {
        for (token, place) in tokens.iter().zip(ZIGZAG) {
            let level = levels[usize::from(place)];
            let size = level.unsigned_abs();
            // The mean of a luma block has a place among these, but no token.
            if size >= LARGE_SIZE && token % SHAPES as Token == LARGE {
                let span = SPANS.iter().filter(|from| size >= **from).count();
                self.counts.spans[usize::from(*token) / SHAPES][span] += 1;
                self.large.push(level);
            }
        }
    }

    /// Puts the macroblock into its stream.
    #[inline(always)]
    pub(super) fn end_macroblock(&mut self, stream: usize) {
        let tokens = &self.macroblock[..self.length];
        self.counts.add(tokens);
        self.streams[stream].tokens.extend_from_slice(tokens);
        self.streams[stream].large.append(&mut self.large);
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tokens of a block, found one after the other, and its large levels.
    fn walk(kind: Kind, mut context: u16, levels: &[i16; 16]) -> (Vec<Token>, Vec<i16>) {
        let (mut tokens, mut large) = (Vec::new(), Vec::new());
        let first = kind.first();
        let in_order = ZIGZAG.map(|place| levels[usize::from(place)]);
        let after_last = in_order.iter().rposition(|level| *level != 0);
        let after_last = after_last.map_or(0, |last| last + 1).max(first);
        let mut put = |at: usize, context: u16, shape: u16| {
            let band = kind as u16 * BANDS as u16 + u16::from(BAND[at]);
            tokens.push((band * CONTEXTS as u16 + context) * SHAPES as u16 + shape);
        };
        for (at, level) in in_order
            .into_iter()
            .enumerate()
            .take(after_last)
            .skip(first)
        {
            let size = level.unsigned_abs();
            match level {
                0 => put(at, context, 0),
                1..7 => put(at, context, 2 * size - 1),
                -6..0 => put(at, context, 2 * size),
                _ => {
                    put(at, context, LARGE);
                    large.push(level);
                }
            }
            context = size.min(2);
        }
        if after_last < 16 {
            put(after_last, context, END);
        }
        (tokens, large)
    }

    fn level() -> impl Strategy<Value = i16> {
        prop_oneof![4 => Just(0i16), 3 => -2i16..=2, 2 => -8i16..=8, 1 => -2048i16..=2047]
    }

    /// Holds blocks of these levels, of which each ends early, to themselves.
    fn check<const L: usize>(kind: Kind, levels: &[i16], blocks: &[(u16, usize)]) {
        let levels = levels.as_chunks().0.first_chunk();
        let mut levels: Blocks<L> = *levels.expect("sixteen levels of each block");
        let contexts: [u16; L] = std::array::from_fn(|lane| blocks[lane].0);
        for (at, place) in ZIGZAG.into_iter().enumerate() {
            for lane in 0..L {
                if at >= blocks[lane].1 || at < kind.first() {
                    levels[usize::from(place)][lane] = 0;
                }
            }
        }
        let mut tokens = Tokens::new(1);
        tokens.put(kind, contexts, &levels, present(&levels));
        tokens.end_macroblock(3);
        let mut counts = Counts::new();
        let (mut walked, mut large) = (Vec::new(), Vec::new());
        for lane in 0..L {
            let found = walk(kind, contexts[lane], &levels.map(|levels| levels[lane]));
            walked.extend(found.0);
            large.extend(found.1);
        }
        counts.add(&walked);
        assert_eq!(tokens.streams[3].tokens, walked);
        assert_eq!(tokens.streams[3].large, large);
        for node in 0..NODES {
            assert_eq!(tokens.counts.shapes(node), counts.shapes(node));
            let spans: u32 = tokens.counts.spans[node].iter().sum();
            assert_eq!(spans, counts.shapes(node)[usize::from(LARGE)]);
        }
    }

    proptest! {
        #[test]
        fn tokens_of_many_blocks_are_those_of_each(
            levels in proptest::collection::vec(level(), 256),
            blocks in proptest::collection::vec((0u16..3, 0usize..=16), 16),
        ) {
            check::<16>(Kind::Luma, &levels, &blocks);
            check::<8>(Kind::Chroma, &levels, &blocks);
            check::<1>(Kind::Means, &levels, &blocks);
        }
    }
}
