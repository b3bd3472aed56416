//! SHA-256 whose state can be put down and taken up again, by another process too.
//!
//! The usual hasher keeps its state to itself, so that a body which arrives
//! over many requests would have to be read once more at its end. This one is
//! the same arithmetic around plain data.

use serde::{Deserialize, Serialize};
use sha2::digest::consts::U64;
use sha2::digest::generic_array::GenericArray;

/// Bytes that are hashed in one step.
const BLOCK: usize = 64;

/// Steps done in one go.
const RUN: usize = 64;

/// FIPS 180-4, section 5.3.3.
const START: [u32; 8] = [
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
    state: [u32; 8],
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
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.rest.is_empty() {
            let wanted = BLOCK.saturating_sub(self.rest.len()).min(bytes.len());
            let (now, later) = bytes.split_at(wanted);
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() < BLOCK {
                return;
            }
            let filled = std::mem::take(&mut self.rest);
            self.compress(&filled);
        }
        let whole = bytes.len() - bytes.len() % BLOCK;
        self.compress(&bytes[..whole]);
        self.rest.extend_from_slice(&bytes[whole..]);
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
        self.compress(&end);
        let bytes: Vec<u8> = self
            .state
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect();
        hex::encode(bytes)
    }

    /// Hashes whole blocks.
    fn compress(&mut self, bytes: &[u8]) {
        for run in bytes.chunks(BLOCK * RUN) {
            let mut blocks = [GenericArray::<u8, U64>::default(); RUN];
            let mut count = 0;
            for (block, bytes) in blocks.iter_mut().zip(run.chunks_exact(BLOCK)) {
                block.copy_from_slice(bytes);
                count += 1;
            }
            sha2::compress256(&mut self.state, &blocks[..count]);
        }
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
