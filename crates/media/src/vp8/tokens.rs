//! Coefficients as choices on VP8's tree of tokens, and how likely each choice is.
//!
//! Every block is walked once. What is written down are places of
//! probabilities, not probabilities: how often each choice was made is known
//! only at the end, and then the choices are coded with what came of it.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use std::sync::LazyLock;

use super::block::Blocks;
use super::coder::Coder;
use super::lanes::{Choice, PLACES, Probabilities, STREAMS, YES, code};
use super::tables::{BANDS, BRANCHES, CONTEXTS, DEFAULTS, KEPT, KINDS};

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

/// The places of a node: for its [`BRANCHES`], and for counts of its outcomes.
const NODE: usize = 16;

/// The place of a probability that is always the same.
const fn fixed(probability: u8) -> Choice {
    (KINDS * BANDS * CONTEXTS * NODE) as Choice + probability as Choice
}

/// The band of each coefficient, and of the one after the last.
const BAND: [u8; 17] = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0];

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

/// The most choices of one block, a power of two; no value takes more than nineteen.
const ROOM: usize = 512;

/// What is written at once, and may be too much.
const BEYOND: usize = 8;

/// How many values have their choices in [`SMALL`].
const SMALL_VALUES: usize = 5;

/// Where in [`SMALL`] stand those after a zero: without the first choice, which
/// is not there then.
const AFTER_ZERO: usize = 8;

/// The choices of values from 0 to 4, the sign left out. What follows them is
/// written over; it differs, so that the compiler takes all eight together.
const SMALL: [[Choice; 8]; 2 * AFTER_ZERO] = {
    let mut small = [[0; 8]; 2 * AFTER_ZERO];
    small[0] = [YES, 1, 0, 1, 2, 3, 4, 5];
    small[1] = [YES, 1 | YES, 2, 0, 1, 2, 3, 4];
    small[2] = [YES, 1 | YES, 2 | YES, 3, 4, 0, 1, 2];
    small[3] = [YES, 1 | YES, 2 | YES, 3, 4 | YES, 5, 0, 1];
    small[4] = [YES, 1 | YES, 2 | YES, 3, 4 | YES, 5 | YES, 1, 0];
    let mut value = 0;
    while value < SMALL_VALUES {
        let mut at = 0;
        while at < 7 {
            small[AFTER_ZERO + value][at] = small[value][at + 1];
            at += 1;
        }
        value += 1;
    }
    small
};

/// How many choices each of [`SMALL`] has, with the sign.
const SMALL_COUNTS: [u8; 2 * AFTER_ZERO] = [2, 4, 6, 7, 7, 0, 0, 0, 1, 3, 5, 6, 6, 0, 0, 0];

/// The blocks of a macroblock: luma, its means, and chroma.
const BLOCKS: usize = 16 + 1 + 8;

/// The choices of a frame.
#[derive(Debug)]
pub(super) struct Tokens {
    streams: [Vec<Choice>; STREAMS],
    /// The macroblock that is being written down, and how many choices it has.
    macroblock: Vec<Choice>,
    length: usize,
    /// How often each outcome came of each node: the end, a value from 0 to 4, or
    /// one of six spans.
    counts: Box<[u32; PLACES]>,
}

impl Tokens {
    pub(super) fn new(macroblocks: usize) -> Self {
        // What a macroblock of a photo has, within reason.
        let room = (macroblocks / STREAMS * 768).min(1 << 17);
        Self {
            streams: std::array::from_fn(|_| Vec::with_capacity(room)),
            macroblock: vec![0; BLOCKS * ROOM + BEYOND],
            length: 0,
            counts: Box::new([0; PLACES]),
        }
    }

    /// Writes a block down: the lane of `levels`, of which `present` are not
    /// zero. `context` says how many of its neighbours above and to the left
    /// have coefficients; the answer is whether this one has.
    #[inline(always)]
    pub(super) fn put<const L: usize>(
        &mut self,
        kind: Kind,
        context: usize,
        levels: &Blocks<L>,
        lane: usize,
        present: u16,
    ) -> bool {
        // INVARIANT: a macroblock has so many blocks at most, and then it ends.
        let room: &mut [Choice; ROOM + BEYOND] = self.macroblock[self.length..]
            .first_chunk_mut()
            .expect("a block has its room");
        let first = kind.first();
        let after_last = (16 - present.leading_zeros()) as usize;
        let of_kind = kind as usize * BANDS * CONTEXTS * NODE;
        let mut written = 0;
        let mut context = context * NODE;
        let mut after_zero = 0;
        for at in first..after_last {
            let level = levels[usize::from(ZIGZAG[at % 16])][lane];
            let base = of_kind + usize::from(BAND[at % 16]) * CONTEXTS * NODE + context;
            let size = usize::from(level.unsigned_abs());
            let sign = if level < 0 { YES } else { 0 };
            let outcome;
            if size < SMALL_VALUES {
                // All eight at once; what is too much is written over.
                let which = after_zero + size;
                let choices = SMALL[which].map(|choice| choice.wrapping_add(base as Choice));
                let start = written % ROOM;
                room[start..start + BEYOND].copy_from_slice(&choices);
                // Whether a level is zero cannot be foretold, so no branch depends on
                // it: without a sign, what follows is written over.
                written += usize::from(SMALL_COUNTS[which]);
                room[(written - usize::from(size > 0)) % ROOM] = fixed(128) | sign;
                outcome = size + 1;
            } else {
                let count;
                let is_after_zero = usize::from(after_zero > 0);
                (count, outcome) = large(&mut room[written..], is_after_zero, base as Choice, size);
                written += count;
                room[written] = fixed(128) | sign;
                written += 1;
            }
            self.counts[(base + outcome) % PLACES] += 1;
            context = size.min(2) * NODE;
            after_zero = if size == 0 { AFTER_ZERO } else { 0 };
        }
        if after_last < 16 {
            let at = after_last.max(first);
            let base = of_kind + usize::from(BAND[at]) * CONTEXTS * NODE + context;
            room[written] = base as Choice;
            written += 1;
            self.counts[base % PLACES] += 1;
        }
        self.length += written;
        present != 0
    }

    /// Puts the macroblock into its stream.
    #[inline(always)]
    pub(super) fn end_macroblock(&mut self, stream: usize) {
        self.streams[stream].extend_from_slice(&self.macroblock[..self.length]);
        self.length = 0;
    }

    /// Writes the probabilities to the frame's head and codes the choices with them.
    #[inline(always)]
    pub(super) fn finish(self, head: &mut Coder) -> [Vec<u8>; STREAMS] {
        let mut known: Probabilities = [0; PLACES];
        for (place, probability) in known[usize::from(fixed(0))..].iter_mut().zip(0..=255) {
            *place = probability;
        }
        let mut node = 0;
        for (kind, (defaults, kept)) in DEFAULTS.iter().zip(&KEPT).enumerate() {
            for (band, (defaults, kept)) in defaults.iter().zip(kept).enumerate() {
                for (context, (defaults, kept)) in defaults.iter().zip(kept).enumerate() {
                    // Only here may a block end: not after a zero.
                    let may_end = context > 0 || band == usize::from(kind == 0);
                    let taken = branches(&self.counts[node * NODE..][..NODE], may_end);
                    for branch in 0..BRANCHES {
                        let chosen = choose(taken[branch], defaults[branch], kept[branch]);
                        head.put(chosen.is_some(), kept[branch]);
                        if let Some(probability) = chosen {
                            head.put_number(u32::from(probability), 8);
                        }
                        known[node * NODE + branch] = chosen.unwrap_or(defaults[branch]);
                    }
                    node += 1;
                }
            }
        }
        let all = std::array::from_fn(|stream| self.streams[stream].as_slice());
        code(all, &known)
    }
}

/// Writes the choices of a value from 5 on, but for its sign; answers how many
/// they are, and the outcome.
#[cold]
fn large(room: &mut [Choice], after_zero: usize, base: Choice, size: usize) -> (usize, usize) {
    let mut written = 0;
    let mut put = |choice: Choice| {
        room[written] = choice;
        written += 1;
    };
    for branch in after_zero..4 {
        put((base + branch as Choice) | YES);
    }
    let yes = |is: bool| if is { YES } else { 0 };
    if size <= 10 {
        put(base + 6);
        put((base + 7) | yes(size > 6));
        if size <= 6 {
            put(fixed(159) | yes(size == 6));
            return (written, 6);
        }
        put(fixed(165) | yes(size >= 9));
        put(fixed(145) | yes(size.is_multiple_of(2)));
        return (written, 7);
    }
    put((base + 6) | YES);
    let (outcome, from, bits): (usize, usize, &[u8]) = match size {
        0..19 => (8, 11, &[173, 148, 140]),
        19..35 => (9, 19, &[176, 155, 140, 135]),
        35..67 => (10, 35, &[180, 157, 141, 134, 130]),
        _ => (
            11,
            67,
            &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
        ),
    };
    put((base + 8) | yes(outcome >= 10));
    let which = if outcome >= 10 { 10 } else { 9 };
    put((base + which) | yes(outcome % 2 == 1));
    let rest = size - from;
    for (at, probability) in bits.iter().enumerate() {
        put(fixed(*probability) | yes(rest >> (bits.len() - 1 - at) & 1 == 1));
    }
    (written, outcome)
}

/// How often each branch was not taken and taken, from how often each outcome was.
fn branches(counts: &[u32], may_end: bool) -> [(u32, u32); BRANCHES] {
    let sum = |from: usize, to: usize| counts[from..to].iter().sum::<u32>();
    [
        if may_end {
            (counts[0], sum(1, 12))
        } else {
            (0, 0)
        },
        (counts[1], sum(2, 12)),
        (counts[2], sum(3, 12)),
        (sum(3, 6), sum(6, 12)),
        (counts[3], sum(4, 6)),
        (counts[4], counts[5]),
        (sum(6, 8), sum(8, 12)),
        (counts[6], counts[7]),
        (sum(8, 10), sum(10, 12)),
        (counts[8], counts[9]),
        (counts[10], counts[11]),
    ]
}

/// The probability that is worth its place in the head, if one is.
fn choose((no, yes): (u32, u32), default: u8, kept: u8) -> Option<u8> {
    let total = u64::from(no) + u64::from(yes);
    if total == 0 {
        return None;
    }
    let found = (u64::from(no) * 255 / total).max(1) as u8;
    let cost = |probability: u8| {
        u64::from(no) * cost(u32::from(probability))
            + u64::from(yes) * cost(256 - u32::from(probability))
    };
    let changed = cost(found) + self::cost(256 - u32::from(kept)) + 8 * 256;
    (changed < cost(default) + self::cost(u32::from(kept))).then_some(found)
}

/// What a choice of this probability of 256 costs, in 1/256 of a bit.
fn cost(probability: u32) -> u64 {
    static COSTS: LazyLock<[u16; 257]> = LazyLock::new(|| {
        std::array::from_fn(|probability| {
            (-256.0 * (probability.max(1) as f32 / 256.0).log2()).round() as u16
        })
    });
    u64::from(COSTS[probability as usize % 257])
}
