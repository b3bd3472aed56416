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

/// How many streams the coefficients of a frame lie in.
pub(super) const STREAMS: usize = 8;

/// A choice to be coded: its place among the probabilities, and above it which way
/// it went.
pub(super) type Choice = u16;

/// The bit of a [`Choice`] that says which way it went.
pub(super) const YES: Choice = PLACES as Choice;

/// How many places there are: a power of two, so that a masked one is inside.
pub(super) const PLACES: usize = 2048;

/// What the places of choices point into.
pub(super) type Probabilities = [u8; PLACES];

/// Steps after which digits are taken: with seven bits each, and what was left
/// before, a carry and the eight lowest ones, a lane has room for them.
const STEPS: usize = 3;

/// Bits of a digit of what is written.
const DIGIT: u32 = 24;

/// Steps whose choices are laid side by side at once.
const STAGE: usize = 16 * STEPS;

/// A choice with its probability instead of a place: this bit, or not.
const IS_YES: u16 = 0x8000;

/// The choice of a stream that has ended: a "no" that is certain.
const NOTHING: u16 = 256;

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
            let range = self.ranges[lane];
            let split = 1 + (((range - 1) * (choice & 511)) >> 8);
            let range = (split & !mask) | ((range - split) & mask);
            // Masked, so that the compiler knows that no shift is too long.
            shifts[lane] = range.leading_zeros().wrapping_sub(24) % 8;
            added[lane] = split & mask;
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

/// Codes the choices of all streams.
#[inline(always)]
pub(super) fn code(choices: [&[Choice]; STREAMS], known: &Probabilities) -> [Vec<u8>; STREAMS] {
    let probability = |choice: usize| {
        let yes = if choice < PLACES { 0 } else { IS_YES };
        u16::from(known[choice % PLACES]) | yes
    };
    let probabilities: [u16; 2 * PLACES] = std::array::from_fn(probability);
    let mut lanes = Lanes {
        values: [0; STREAMS],
        ranges: [255; STREAMS],
        ready: [0; STREAMS],
    };
    let mut digits = choices.map(|choices| Vec::with_capacity(choices.len() / 16 + STAGE));
    let mut stage = [[NOTHING; STREAMS]; STAGE];
    let longest = choices.map(<[Choice]>::len).into_iter().max();
    for start in (0..longest.unwrap_or_default()).step_by(STAGE) {
        for (lane, choices) in choices.iter().enumerate() {
            let choices = choices.get(start..).unwrap_or_default();
            for (step, choice) in stage.iter_mut().zip(choices) {
                step[lane] = probabilities[usize::from(*choice) % probabilities.len()];
            }
            for step in stage.iter_mut().skip(choices.len()) {
                step[lane] = NOTHING;
            }
        }
        let mut found = [[0; STAGE / STEPS]; STREAMS];
        let mut counts = [0; STREAMS];
        for steps in stage.as_chunks::<STEPS>().0 {
            for step in steps {
                lanes.step(step);
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

    proptest! {
        /// Any lengths, with probabilities that carry through many bytes.
        #[test]
        fn lanes_write_what_single_coders_write(
            streams in proptest::collection::vec(
                proptest::collection::vec((0..PLACES as Choice, any::<bool>()), 0..700),
                STREAMS,
            ),
            known in proptest::collection::vec(prop_oneof![1u8..=3, 1u8..=255, 252u8..], PLACES),
        ) {
            let known: Probabilities = known.try_into().unwrap();
            let choices: Vec<Vec<Choice>> = streams
                .iter()
                .map(|stream| {
                    let choice = |(place, yes): &(Choice, bool)| place | if *yes { YES } else { 0 };
                    stream.iter().map(choice).collect()
                })
                .collect();
            let coded = code(std::array::from_fn(|lane| choices[lane].as_slice()), &known);
            for (stream, coded) in streams.iter().zip(coded) {
                let mut coder = Coder::new(0);
                for (place, yes) in stream {
                    coder.put(*yes, known[usize::from(*place)]);
                }
                prop_assert_eq!(coded, coder.finish());
            }
        }
    }
}
