//! The bits of a scan, looked at ahead.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

/// How many bits can be looked at ahead, at least.
pub(super) const AHEAD: u32 = 57;

/// Bits of a piece of a scan from which the stuffing was taken, with at least
/// eight bytes of any kind behind it.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// How many bits were read.
    place: usize,
}

impl<'a> Bits<'a> {
    /// The bits from a byte on.
    pub(super) const fn new(bytes: &'a [u8], byte: usize) -> Self {
        Self {
            bytes,
            place: byte * 8,
        }
    }

    /// The next bits, the first one highest: at least [`AHEAD`], enough for the
    /// longest code and value. Beyond the end they are zeros, which
    /// [`Bits::place`] tells.
    #[inline(always)]
    pub(super) fn ahead(&self) -> u64 {
        let next = match self
            .bytes
            .get(self.place / 8..)
            .and_then(<[u8]>::first_chunk)
        {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => 0,
        };
        next << (self.place % 8)
    }

    /// Skips as many bits as the lowest six of `count` say.
    #[inline(always)]
    pub(super) const fn skip(&mut self, count: u64) {
        self.place += (count % 64) as usize;
    }

    /// How many bits were read from the beginning of the bytes.
    pub(super) const fn place(&self) -> usize {
        self.place
    }
}
