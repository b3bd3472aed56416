//! Blocks of one or two bodies, hashed by the instructions that processors have
//! for it (FIPS 180-4, section 6.2.2).
//!
//! Each of these instructions waits for the one before, and a processor could
//! begin two meanwhile: two bodies side by side take little more time than one.
#![cfg(target_arch = "x86_64")]
#![expect(
    unsafe_code,
    reason = "a function for instructions that not every processor has can be called in no other way"
)]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32,
};
use std::array::from_fn;

use super::{BLOCK, State};

/// The constants of the rounds, four by four.
const ROUNDS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// Hashes the blocks of each body into its state, as many as the shortest has.
/// `false`, and nothing is done, where the processor has no such instructions.
pub(super) fn compress<const N: usize>(
    states: [&mut State; N],
    blocks: [&[[u8; BLOCK]]; N],
) -> bool {
    let is_able = is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1");
    if is_able {
        // SAFETY: the processor has what the function is compiled for.
        unsafe { compress_lanes(states, blocks) };
    }
    is_able
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
#[expect(
    clippy::needless_range_loop,
    reason = "the lanes of several arrays are walked together"
)]
fn compress_lanes<const N: usize>(states: [&mut State; N], blocks: [&[[u8; BLOCK]]; N]) {
    let mut front: [__m128i; N] = from_fn(|lane| {
        let [a, b, _, _, e, f, _, _] = *states[lane];
        words([f, e, b, a])
    });
    let mut back: [__m128i; N] = from_fn(|lane| {
        let [_, _, c, d, _, _, g, h] = *states[lane];
        words([h, g, d, c])
    });
    let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for at in 0..count {
        let before = (front, back);
        let mut message: [[__m128i; N]; 4] =
            from_fn(|quarter| from_fn(|lane| load(&blocks[lane][at], quarter)));
        for constants in ROUNDS {
            let constants = words(constants);
            for lane in 0..N {
                let added = _mm_add_epi32(message[0][lane], constants);
                back[lane] = _mm_sha256rnds2_epu32(back[lane], front[lane], added);
                let added = _mm_shuffle_epi32(added, 0b1110);
                front[lane] = _mm_sha256rnds2_epu32(front[lane], back[lane], added);
            }
            // Those after the last sixteen words are not used.
            let [first, second, third, fourth] = message;
            let next = from_fn(|lane| {
                let sum = _mm_add_epi32(
                    _mm_sha256msg1_epu32(first[lane], second[lane]),
                    _mm_alignr_epi8(fourth[lane], third[lane], 4),
                );
                _mm_sha256msg2_epu32(sum, fourth[lane])
            });
            message = [second, third, fourth, next];
        }
        for lane in 0..N {
            front[lane] = _mm_add_epi32(front[lane], before.0[lane]);
            back[lane] = _mm_add_epi32(back[lane], before.1[lane]);
        }
    }
    for (lane, state) in states.into_iter().enumerate() {
        let ([f, e, b, a], [h, g, d, c]) = (numbers(front[lane]), numbers(back[lane]));
        *state = [a, b, c, d, e, f, g, h];
    }
}

/// Four words of a block, of which the file has the highest byte first.
#[target_feature(enable = "ssse3,sse4.1")]
fn load(block: &[u8; BLOCK], quarter: usize) -> __m128i {
    let halves = block.as_chunks::<8>().0;
    let [low, high] = [0, 1].map(|half| i64::from_le_bytes(halves[quarter * 2 + half]));
    let turned = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(_mm_set_epi64x(high, low), turned)
}

/// Four words as a vector, the first one lowest.
#[target_feature(enable = "ssse3,sse4.1")]
fn words(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

/// The words of a vector, the lowest one first.
#[target_feature(enable = "ssse3,sse4.1")]
fn numbers(vector: __m128i) -> [u32; 4] {
    [
        _mm_extract_epi32(vector, 0),
        _mm_extract_epi32(vector, 1),
        _mm_extract_epi32(vector, 2),
        _mm_extract_epi32(vector, 3),
    ]
    .map(i32::cast_unsigned)
}
