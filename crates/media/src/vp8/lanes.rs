//! The arithmetic coder for eight streams at once.
//!
//! Each bit waits for the range that the one before left, so one stream cannot
//! go faster than some ten steps of the processor a bit. A frame's coefficients
//! may lie in eight streams that know nothing of each other: each has a lane of
//! vectors, and a step codes a choice of all of them. A stream that has ended
//! makes choices that change nothing.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::coder::Coder;
use super::tokens::{Stream, Token};
use super::tree::{MOST, Tree};

/// How many streams the coefficients of a frame lie in.
pub(super) const STREAMS: usize = 8;

/// A choice to be coded: how likely "no" is, of 256, and [`IS_YES`] or not.
pub(super) type Choice = u16;

/// A choice of this probability.
#[inline(always)]
pub(super) const fn choice(probability: u8, yes: bool) -> Choice {
    probability as Choice | if yes { IS_YES } else { 0 }
}

/// Steps after which digits are taken: with seven bits each, and what was left
/// before, a carry and the eight lowest ones, a lane has room for them.
const STEPS: usize = 3;

/// Bits of a digit of what is written.
const DIGIT: u32 = 24;

/// Steps whose choices are found at once.
const STAGE: usize = 128 * STEPS;

/// The bit of a [`Choice`] that says which way it went.
const IS_YES: Choice = 0x8000;

/// The choice of a stream that has ended: a "no" that is certain.
const NOTHING: Choice = 256;

/// Streams on their way, one in each lane; all as in [`Coder`].
struct Lanes {
    values: [u64; STREAMS],
    ranges: [u32; STREAMS],
    ready: [u32; STREAMS],
}

impl Lanes {
    /// Codes a choice of each stream.
    #[inline(always)]
    fn step(&mut self, choices: &[u16; STREAMS]) {
        let mut added = [0; STREAMS];
        let mut shifts = [0; STREAMS];
        for lane in 0..STREAMS {
            let choice = u32::from(choices[lane]);
            let mask = (choice >> 15).wrapping_neg();
            // One less than the range, and than the part of it that is "no".
            let least = self.ranges[lane] - 1;
            let split = (least * (choice & 511)) >> 8;
            let range = ((least - split) & mask) | ((split + 1) & !mask);
            // Masked, so that the compiler knows that no shift is too long.
            shifts[lane] = range.leading_zeros().wrapping_sub(24) % 8;
            added[lane] = (split + 1) & mask;
            self.ranges[lane] = range << shifts[lane];
            self.ready[lane] += shifts[lane];
        }
        for lane in 0..STREAMS {
            let value = self.values[lane] + u64::from(added[lane]);
            self.values[lane] = value << shifts[lane];
        }
    }

    /// Takes the highest digit of each lane that has one, with a carry above it;
    /// answers what is there in each lane, and whether it is one.
    #[inline(always)]
    fn take(&mut self) -> ([u32; STREAMS], [u32; STREAMS]) {
        let mut digits = [0; STREAMS];
        let mut taken = [0; STREAMS];
        for lane in 0..STREAMS {
            let is_there = u32::from(self.ready[lane] >= DIGIT);
            let below = (8 + self.ready[lane]).wrapping_sub(DIGIT) % 64;
            digits[lane] = (self.values[lane] >> below) as u32;
            taken[lane] = is_there;
            let lower = (1u64 << below) - 1;
            self.values[lane] &= lower | u64::from(is_there).wrapping_sub(1);
            self.ready[lane] -= DIGIT * is_there;
        }
        (digits, taken)
    }
}

/// The next choices of a stream: [`STAGE`] of them, and behind those what its last
/// token had too many.
struct Choices<'a> {
    tokens: std::slice::Iter<'a, Token>,
    large: std::slice::Iter<'a, i16>,
    next: [Choice; STAGE + MOST],
    length: usize,
}

impl<'a> Choices<'a> {
    fn new(stream: &'a Stream) -> Self {
        Self {
            tokens: stream.tokens.iter(),
            large: stream.large.iter(),
            next: [NOTHING; STAGE + MOST],
            length: 0,
        }
    }

    /// Drops what was coded and finds what is next; answers whether there is any.
    #[inline(always)]
    fn find(&mut self, tree: &Tree) -> bool {
        self.next.copy_within(STAGE.., 0);
        // Taken out, so that they are in registers meanwhile.
        let mut tokens = self.tokens.clone();
        let mut length = self.length.saturating_sub(STAGE);
        while length < STAGE {
            let Some(token) = tokens.next() else {
                self.next[length..].fill(NOTHING);
                break;
            };
            // INVARIANT: there is room for the choices of one token behind a stage.
            let room = self.next[length..]
                .first_chunk_mut()
                .expect("a token has its room");
            length += tree.write(*token, &mut self.large, room);
        }
        (self.tokens, self.length) = (tokens, length);
        length > 0
    }
}

/// Codes the tokens of all streams.
#[inline(always)]
pub(super) fn code(streams: &[Stream; STREAMS], tree: &Tree) -> [Vec<u8>; STREAMS] {
    let mut lanes = Lanes {
        values: [0; STREAMS],
        ranges: [255; STREAMS],
        ready: [0; STREAMS],
    };
    let mut digits: [Vec<u32>; STREAMS] =
        std::array::from_fn(|lane| Vec::with_capacity(streams[lane].tokens.len() / 8 + STAGE));
    let mut choices: [Choices<'_>; STREAMS] =
        std::array::from_fn(|lane| Choices::new(&streams[lane]));
    let mut found = [[0; STAGE / STEPS]; STREAMS];
    loop {
        let mut is_any = false;
        for choices in &mut choices {
            is_any |= choices.find(tree);
        }
        if !is_any {
            break;
        }
        let mut counts = [0; STREAMS];
        for start in (0..STAGE).step_by(STEPS) {
            for step in start..start + STEPS {
                lanes.step(&std::array::from_fn(|lane| choices[lane].next[step]));
            }
            let (taken, is_digit) = lanes.take();
            for lane in 0..STREAMS {
                // What is none is written over.
                found[lane][counts[lane] % (STAGE / STEPS)] = taken[lane];
                counts[lane] += is_digit[lane] as usize;
            }
        }
        for ((digits, found), count) in digits.iter_mut().zip(&found).zip(counts) {
            digits.extend_from_slice(&found[..count]);
        }
    }
    std::array::from_fn(|lane| {
        let coder = Coder {
            value: lanes.values[lane],
            range: lanes.ranges[lane],
            ready: lanes.ready[lane],
            bytes: carried(&digits[lane]),
        };
        coder.finish()
    })
}

/// Digits as bytes, each with the carry of those behind it.
fn carried(digits: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0; digits.len() * 3];
    let mut carry = 0;
    for (digit, bytes) in digits.iter().zip(bytes.as_chunks_mut().0).rev() {
        let sum = digit + carry;
        carry = sum >> DIGIT;
        let [_, rest @ ..] = sum.to_be_bytes();
        *bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vp8::tables::BRANCHES;
    use crate::vp8::tokens::{Counts, LARGE, NODES, SHAPES, TOKENS};

    /// A token, with a level in case that it is a large one.
    fn token() -> impl Strategy<Value = (Token, i16)> {
        let level = prop_oneof![7i16..=80, 7i16..=2047];
        let number = (0..TOKENS as Token).prop_filter("no such shape", |token| {
            token % SHAPES as Token <= LARGE + 1
        });
        (number, level, any::<bool>()).prop_map(|(token, level, is_below_zero)| {
            (token, if is_below_zero { -level } else { level })
        })
    }

    proptest! {
        /// Any lengths, with probabilities that carry through many bytes.
        #[test]
        fn lanes_write_what_single_coders_write(
            streams in proptest::collection::vec(proptest::collection::vec(token(), 0..700), STREAMS),
            known in proptest::collection::vec(
                prop_oneof![1u8..=3, 1u8..=255, 252u8..],
                NODES * BRANCHES,
            ),
        ) {
            let mut counts = Counts::new();
            let streams: [Stream; STREAMS] = std::array::from_fn(|lane| {
                let tokens: Vec<Token> = streams[lane].iter().map(|(token, _)| *token).collect();
                counts.add(&tokens);
                let is_large = |(token, _): &&(Token, i16)| token % SHAPES as Token == LARGE;
                let large = streams[lane].iter().filter(is_large).map(|(_, level)| *level);
                Stream { tokens, large: large.collect() }
            });
            let known = known.as_chunks().0.first_chunk().expect("probabilities of all nodes");
            let tree = Tree::of(known, &counts);
            let coded = code(&streams, &tree);
            for (stream, coded) in streams.iter().zip(coded) {
                let mut coder = Coder::new(0);
                let mut large = stream.large.iter();
                for token in &stream.tokens {
                    let mut room = [0; MOST];
                    let count = tree.write(*token, &mut large, &mut room);
                    for choice in &room[..count] {
                        coder.put(choice & IS_YES != 0, *choice as u8);
                    }
                }
                prop_assert_eq!(coded, coder.finish());
            }
        }
    }
}
