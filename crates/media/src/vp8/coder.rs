//! VP8's arithmetic coder (RFC 6386, section 7), for one stream.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

/// A stream on its way.
#[derive(Debug, Clone)]
pub(super) struct Coder {
    /// What may still change, with one bit above for a carry.
    pub(super) value: u64,
    /// From 128 to 255.
    pub(super) range: u32,
    /// How many bits of `value` are above the eight that are compared with `range`.
    pub(super) ready: u32,
    pub(super) bytes: Vec<u8>,
}

/// Bits that are kept before they are written. Seven more may come with one
/// choice, and eight lie below.
const KEPT: u32 = 48;

impl Coder {
    pub(super) fn new(room: usize) -> Self {
        Self {
            value: 0,
            range: 255,
            ready: 0,
            bytes: Vec::with_capacity(room),
        }
    }

    /// Codes one choice; `probability` of 256 is how likely "no" is.
    #[inline(always)]
    pub(super) fn put(&mut self, yes: bool, probability: u8) {
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        // A mask instead of a branch: which way it goes is what cannot be foretold.
        let mask = u32::from(yes).wrapping_neg();
        self.value += u64::from(split & mask);
        let range = (split & !mask) | ((self.range - split) & mask);
        let shift = range.leading_zeros() - 24;
        self.range = range << shift;
        self.value <<= shift;
        self.ready += shift;
        if self.ready >= KEPT {
            self.write();
        }
    }

    /// Codes the lowest `count` bits of a number, the highest of them first.
    pub(super) fn put_number(&mut self, number: u32, count: u32) {
        for bit in (0..count).rev() {
            self.put(number >> bit & 1 == 1, 128);
        }
    }

    #[cold]
    #[inline(never)]
    fn write(&mut self) {
        let below = 8 + self.ready - KEPT;
        let done = self.value >> below;
        self.value &= (1 << below) - 1;
        self.ready -= KEPT;
        if done >> KEPT != 0 {
            // A carry goes on through bytes of ones.
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        let [_, _, bytes @ ..] = done.to_be_bytes();
        self.bytes.extend_from_slice(&bytes);
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // Pushes out what may still change; a decoder reads some bits ahead.
        self.put_number(0, 16);
        let bytes = self.ready.div_ceil(8) as usize;
        let end = self.bytes.len() + bytes;
        self.value <<= KEPT - self.ready;
        self.ready = KEPT;
        self.write();
        self.bytes.truncate(end);
        self.bytes
    }
}
