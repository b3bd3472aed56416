//! Huffman codes of a JPEG, read many at a time.
//!
//! A table has an entry for each value of the next bits. One kind of entry is a
//! whole coefficient: the code, and the bits of the value after it. Another is
//! for coefficients that nobody wants: as many of them as fit, since only their
//! lengths count.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

/// Bits that a table is looked up by.
const LOOKUP: u32 = 11;

/// The entries of a table.
const ENTRIES: usize = 1 << LOOKUP;

/// How far an entry for the end of a block goes on: past every coefficient, and
/// told apart from one that goes too far.
pub(super) const END: u32 = 192;

/// How far an entry that no baseline file has goes on: too far wherever it stands,
/// and not as far as [`END`].
const WRONG: u32 = 100;

/// A coefficient, or what leads to it.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    value: i16,
    /// How many places it goes on; 0 where the code is longer than the lookup,
    /// or its value is.
    advance: u8,
    bits: u8,
}

/// Coefficients that are passed over.
#[derive(Debug, Clone, Copy, Default)]
struct Leap {
    advance: u8,
    bits: u8,
    is_end: bool,
}

/// A table as the file describes it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    entries: Box<[Entry; ENTRIES]>,
    leaps: Box<[Leap; ENTRIES]>,
    /// For each length, what to add to a code to find its symbol, and the first
    /// number of sixteen bits that is no longer a code of this length.
    offsets: [i32; 17],
    ends: [u32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// Builds a table of the number of codes of each length and their symbols;
    /// `None` where they are no code.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8], is_ac: bool) -> Option<Self> {
        let mut table = Self {
            entries: Box::new([Entry::default(); ENTRIES]),
            leaps: Box::new([Leap::default(); ENTRIES]),
            offsets: [0; 17],
            ends: [0; 17],
            symbols: symbols.to_vec(),
        };
        let mut code = 0u32;
        let mut at = 0usize;
        for (length, &count) in (1u32..).zip(counts) {
            code <<= 1;
            table.offsets[length as usize] = at as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(at)?;
                if code >> length != 0 || (!is_ac && symbol > 11) {
                    return None;
                }
                if length <= LOOKUP {
                    table.enter(code, length, symbol, is_ac);
                }
                code += 1;
                at += 1;
            }
            table.ends[length as usize] = code << (16 - length);
        }
        if at != symbols.len() || code > 1 << 16 {
            return None;
        }
        if is_ac {
            table.chain();
        }
        Some(table)
    }

    /// Fills the entries that begin with a code.
    fn enter(&mut self, code: u32, length: u32, symbol: u8, is_ac: bool) {
        let size = u32::from(symbol & 15);
        let rest = LOOKUP - length;
        if size > rest {
            return;
        }
        let advance = advance(symbol, is_ac);
        let first = (code << rest) as usize;
        for (after, entry) in self.entries[first..].iter_mut().take(1 << rest).enumerate() {
            *entry = Entry {
                value: extend(after as u32 >> (rest - size), size),
                advance: advance as u8,
                bits: (length + size) as u8,
            };
        }
    }

    /// Puts entries together to leaps.
    fn chain(&mut self) {
        for (start, leap) in self.leaps.iter_mut().enumerate() {
            let mut found = Leap::default();
            loop {
                let entry = self.entries[start << found.bits & (ENTRIES - 1)];
                if entry.advance == 0 || u32::from(found.bits + entry.bits) > LOOKUP {
                    break;
                }
                found.bits += entry.bits;
                if u32::from(entry.advance) == END {
                    found.is_end = true;
                    break;
                }
                found.advance += entry.advance;
                if found.advance >= 64 {
                    break;
                }
            }
            *leap = found;
        }
    }

    /// Reads the difference of a first coefficient.
    #[inline(always)]
    pub(super) fn first(&self, bits: &mut Bits<'_>) -> Option<i16> {
        bits.fill();
        let entry = self.entries[bits.peek(LOOKUP)];
        if entry.advance > 0 {
            bits.skip(u32::from(entry.bits));
            return Some(entry.value);
        }
        self.slow(bits).map(|(_, value)| value)
    }

    /// Reads a coefficient: how many places it goes on, and its value.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Option<(u32, i16)> {
        bits.fill();
        let entry = self.entries[bits.peek(LOOKUP)];
        if entry.advance > 0 {
            bits.skip(u32::from(entry.bits));
            return Some((u32::from(entry.advance), entry.value));
        }
        let (symbol, value) = self.slow(bits)?;
        Some((advance(symbol, true), value))
    }

    /// Passes over the coefficients from the place `at` on; answers whether the
    /// block ended as it should.
    #[inline(always)]
    pub(super) fn pass(&self, bits: &mut Bits<'_>, mut at: u32) -> Option<()> {
        while at < 64 {
            bits.fill();
            let leap = self.leaps[bits.peek(LOOKUP)];
            let after = at + u32::from(leap.advance);
            // A leap may not reach into the block that follows.
            if leap.bits > 0 && after + u32::from(leap.is_end) <= 64 {
                bits.skip(u32::from(leap.bits));
                if leap.is_end {
                    return Some(());
                }
                at = after;
                continue;
            }
            at += self.next(bits)?.0;
        }
        (at == 64 || at >= END).then_some(())
    }

    /// Reads a code that is longer than the lookup, or whose value is.
    #[cold]
    fn slow(&self, bits: &mut Bits<'_>) -> Option<(u8, i16)> {
        let code = bits.peek(16) as u32;
        let length = (1..17).find(|length| code < self.ends[*length])?;
        let at = (code >> (16 - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(at).ok()?)?;
        bits.skip(length as u32);
        let size = u32::from(symbol & 15);
        let value = if size == 0 { 0 } else { bits.peek(size) as u32 };
        bits.skip(size);
        Some((symbol, extend(value, size)))
    }
}

/// How many places the coefficient of a symbol goes on.
const fn advance(symbol: u8, is_ac: bool) -> u32 {
    match symbol {
        _ if !is_ac => 1,
        0x00 => END,
        _ if symbol.trailing_zeros() >= 4 && symbol != 0xf0 => WRONG,
        _ => (symbol >> 4) as u32 + 1,
    }
}

/// The value of `size` bits: the lower half of them are the negative ones.
#[inline(always)]
const fn extend(bits: u32, size: u32) -> i16 {
    if size == 0 {
        0
    } else if bits >> (size - 1) == 0 {
        (bits as i32 + 1 - (1 << size)) as i16
    } else {
        bits as i16
    }
}

/// Bits of a piece of a scan from which the stuffing was taken, with at least
/// eight bytes of any kind behind it.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, the first one highest.
    ahead: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            ahead: 0,
            count: 0,
        }
    }

    /// Makes sure of 56 bits, enough for the longest code and value; beyond the
    /// end they are zeros, which [`Bits::place`] tells.
    #[inline(always)]
    fn fill(&mut self) {
        let next = match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => 0,
        };
        self.ahead |= next >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 0b11_1000;
    }

    /// The next bits as a number, at most 16 of them.
    #[inline(always)]
    fn peek(&self, count: u32) -> usize {
        (self.ahead >> (64 - count)) as usize
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.ahead <<= count;
        self.count -= count;
    }

    /// How many bits were read from the beginning of the bytes.
    pub(super) const fn place(&self) -> usize {
        self.at * 8 - self.count as usize
    }
}
