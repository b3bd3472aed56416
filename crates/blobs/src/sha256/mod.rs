//! SHA-256 whose state can be put down and taken up again, by another process too,
//! and which hashes two bodies at once.
//!
//! The usual hasher keeps its state to itself, so that a body which arrives
//! over many requests would have to be read once more at its end, and two bodies
//! take twice as long as one. This one is the same arithmetic around plain data.

mod lanes;

use serde::{Deserialize, Serialize};
use sha2::digest::consts::U64;
use sha2::digest::generic_array::GenericArray;

/// Bytes that are hashed in one step.
const BLOCK: usize = 64;

/// Steps done in one go.
const RUN: usize = 64;

/// What is known of the blocks so far.
type State = [u32; 8];

/// FIPS 180-4, section 5.3.3.
const START: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash of the bytes so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sha256 {
    state: State,
    /// What does not fill a block yet.
    rest: Vec<u8>,
    length: u64,
}

impl Sha256 {
    /// The hash of no bytes.
    pub(crate) const fn new() -> Self {
        Self {
            state: START,
            rest: Vec::new(),
            length: 0,
        }
    }

    /// How many bytes were hashed.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether this can be the state after `length` bytes. What was read back
    /// from elsewhere may be anything.
    pub(crate) const fn is_after(&self, length: u64) -> bool {
        self.length == length && self.rest.len() as u64 == length % BLOCK as u64
    }

    /// Hashes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let (blocks, end) = self.align(bytes);
        compress(&mut self.state, blocks);
        self.rest.extend_from_slice(end);
    }

    /// Hashes the next bytes of two bodies, in little more time than those of one.
    pub(crate) fn update_both([one, two]: [&mut Self; 2], bytes: [&[u8]; 2]) {
        let (one_blocks, one_end) = one.align(bytes[0]);
        let (two_blocks, two_end) = two.align(bytes[1]);
        let count = one_blocks.len().min(two_blocks.len());
        let (one_first, one_blocks) = one_blocks.split_at(count);
        let (two_first, two_blocks) = two_blocks.split_at(count);
        compress_both([&mut one.state, &mut two.state], [one_first, two_first]);
        compress(&mut one.state, one_blocks);
        compress(&mut two.state, two_blocks);
        one.rest.extend_from_slice(one_end);
        two.rest.extend_from_slice(two_end);
    }

    /// Hashes what fills the block that was begun; answers the whole blocks behind
    /// it, and what is left.
    fn align<'a>(&mut self, mut bytes: &'a [u8]) -> (&'a [[u8; BLOCK]], &'a [u8]) {
        self.length += bytes.len() as u64;
        if !self.rest.is_empty() {
            let wanted = BLOCK.saturating_sub(self.rest.len()).min(bytes.len());
            let (now, later) = bytes.split_at(wanted);
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() < BLOCK {
                return (&[], &[]);
            }
            compress(&mut self.state, self.rest.as_chunks().0);
            self.rest.clear();
        }
        bytes.as_chunks()
    }

    /// The hash of all bytes, 64 hex characters.
    pub(crate) fn finish(mut self) -> String {
        let bits = self.length.wrapping_mul(8);
        let mut end = std::mem::take(&mut self.rest);
        end.push(0x80);
        while end.len() % BLOCK != BLOCK - 8 {
            end.push(0);
        }
        end.extend_from_slice(&bits.to_be_bytes());
        compress(&mut self.state, end.as_chunks().0);
        let bytes: Vec<u8> = self
            .state
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect();
        hex::encode(bytes)
    }
}

/// Hashes blocks.
fn compress(state: &mut State, blocks: &[[u8; BLOCK]]) {
    #[cfg(target_arch = "x86_64")]
    if lanes::compress([&mut *state], [blocks]) {
        return;
    }
    compress_anywhere(state, blocks);
}

/// Hashes as many blocks of two bodies.
fn compress_both([one, two]: [&mut State; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if lanes::compress([&mut *one, &mut *two], blocks) {
        return;
    }
    compress(one, blocks[0]);
    compress(two, blocks[1]);
}

/// Hashes blocks as any processor can.
fn compress_anywhere(state: &mut State, blocks: &[[u8; BLOCK]]) {
    for run in blocks.chunks(RUN) {
        let mut copied = [GenericArray::<u8, U64>::default(); RUN];
        for (copied, block) in copied.iter_mut().zip(run) {
            copied.copy_from_slice(block);
        }
        sha2::compress256(state, &copied[..run.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest;

    proptest! {
        #[test]
        fn it_is_the_usual_hash_however_often_it_is_put_down(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9000), 0..6)
        ) {
            let mut hash = Sha256::new();
            for piece in &pieces {
                hash.update(piece);
                let put_down = serde_json::to_string(&hash).unwrap();
                hash = serde_json::from_str(&put_down).unwrap();
            }
            let whole = pieces.concat();
            prop_assert!(hash.is_after(whole.len() as u64));
            prop_assert_eq!(hash.finish(), hex::encode(sha2::Sha256::digest(&whole)));
        }
    }

    proptest! {
        #[test]
        fn two_at_once_are_hashed_as_one_after_the_other(
            pieces in proptest::collection::vec(
                [0, 1].map(|_| proptest::collection::vec(any::<u8>(), 0..9000)),
                0..6,
            )
        ) {
            let [mut one, mut two] = [Sha256::new(), Sha256::new()];
            for [a, b] in &pieces {
                Sha256::update_both([&mut one, &mut two], [a, b]);
            }
            for (hash, which) in [(one, 0), (two, 1)] {
                let whole: Vec<u8> = pieces.iter().flat_map(|pair| pair[which].clone()).collect();
                prop_assert!(hash.is_after(whole.len() as u64));
                prop_assert_eq!(hash.finish(), hex::encode(sha2::Sha256::digest(&whole)));
            }
        }

        #[test]
        fn any_processor_comes_to_the_same(
            bytes in proptest::collection::vec(any::<u8>(), 0..9000)
        ) {
            let blocks = bytes.as_chunks().0;
            let [mut here, mut anywhere] = [START, START];
            compress(&mut here, blocks);
            compress_anywhere(&mut anywhere, blocks);
            prop_assert_eq!(here, anywhere);
        }
    }

    #[test]
    fn ends_near_the_edge_of_a_block_are_padded_right() {
        for length in 0..200 {
            let bytes = vec![7; length];
            let mut hash = Sha256::new();
            hash.update(&bytes);
            let expected = hex::encode(sha2::Sha256::digest(&bytes));
            assert_eq!(hash.finish(), expected, "{length}");
        }
    }
}
