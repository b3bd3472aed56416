//! VP8's arithmetic coder (RFC 6386, section 7), for one stream and for four at once.
//!
//! Each bit waits for the range that the one before left, so one stream cannot
//! go faster than some ten steps of the processor a bit. A frame's coefficients
//! may lie in four streams that know nothing of each other: they are coded in
//! turn, and the processor works on all of them at the same time.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

/// How many streams the coefficients of a frame lie in.
pub(super) const STREAMS: usize = 4;

/// A choice to be coded: its place among the probabilities, and in the highest
/// bit which way it went.
pub(super) type Choice = u16;

/// The bit of a [`Choice`] that says which way it went.
pub(super) const YES: Choice = 0x8000;

/// What the places of choices point into: a power of two, so that a masked
/// place is always inside.
pub(super) type Probabilities = [u8; 2048];

/// A stream on its way.
#[derive(Debug, Clone)]
pub(super) struct Coder {
    /// What may still change, with one bit above for a carry.
    value: u64,
    /// From 128 to 255.
    range: u32,
    /// How many bits of `value` are above the eight that are compared with `range`.
    ready: u32,
    bytes: Vec<u8>,
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

/// Codes the choices of four streams.
pub(super) fn code(choices: [&[Choice]; STREAMS], known: &Probabilities) -> [Vec<u8>; STREAMS] {
    let [a, b, c, d] = choices;
    let coder = |choices: &[Choice]| Coder::new(choices.len() / 8 + 64);
    let (mut ca, mut cb, mut cc, mut cd) = (coder(a), coder(b), coder(c), coder(d));
    let together = a.len().min(b.len()).min(c.len()).min(d.len());
    let put = |coder: &mut Coder, choice: Choice| {
        coder.put(choice >= YES, known[usize::from(choice) % known.len()]);
    };
    let (a, rest_a) = a.split_at(together);
    let (b, rest_b) = b.split_at(together);
    let (c, rest_c) = c.split_at(together);
    let (d, rest_d) = d.split_at(together);
    for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
        put(&mut ca, a);
        put(&mut cb, b);
        put(&mut cc, c);
        put(&mut cd, d);
    }
    for (coder, rest) in [
        (&mut ca, rest_a),
        (&mut cb, rest_b),
        (&mut cc, rest_c),
        (&mut cd, rest_d),
    ] {
        for &choice in rest {
            put(coder, choice);
        }
    }
    [ca.finish(), cb.finish(), cc.finish(), cd.finish()]
}
