//! Huffman codes of a JPEG, read two coefficients at a time.
//!
//! A table has an entry for each value of the next bits: a coefficient, its code
//! and the bits of its value, and the one after it where both fit. Each entry has
//! to be found before the next one can be looked up, so fewer of them is what
//! makes it quick.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

/// Bits that a table is looked up by.
const LOOKUP: u32 = 11;

/// How many bits there are at least after [`Bits::fill`].
const FILLED: u32 = 56;

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

/// A coefficient and the next one; where that does not fit, the same one twice.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    values: [i16; 2],
    /// How far each goes on from where the pair begins.
    advances: [u8; 2],
    /// How many bits end with each; none where the first one has to be read slowly.
    bits: [u8; 2],
}

/// A table as the file describes it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    entries: Box<[Entry; ENTRIES]>,
    /// Of no use for first coefficients.
    pairs: Box<[Pair; ENTRIES]>,
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
            pairs: Box::new([Pair::default(); ENTRIES]),
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
            table.pair();
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

    /// Puts entries together to pairs.
    fn pair(&mut self) {
        for (start, pair) in self.pairs.iter_mut().enumerate() {
            let one = self.entries[start];
            if one.advance == 0 {
                *pair = Pair {
                    // As if the block ended: there it is looked at.
                    advances: [END as u8; 2],
                    ..Pair::default()
                };
                continue;
            }
            *pair = Pair {
                values: [one.value; 2],
                advances: [one.advance; 2],
                bits: [one.bits; 2],
            };
            let is_coefficient = (1..=16).contains(&one.advance);
            let two = self.entries[(start << one.bits) % ENTRIES];
            if is_coefficient && two.advance > 0 && u32::from(one.bits + two.bits) <= LOOKUP {
                pair.values[1] = two.value;
                pair.advances[1] += two.advance;
                pair.bits[1] += two.bits;
            }
        }
    }

    /// Reads the difference of a first coefficient, and leaves bits for
    /// [`Table::others`].
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

    /// Reads the other coefficients of a block, right after the first one, and
    /// hands each to `keep` with its number, counted from 1, or one from 64 on;
    /// some of them twice. `None` where they do not end as they should.
    #[inline(always)]
    pub(super) fn others(&self, bits: &mut Bits<'_>, mut keep: impl FnMut(u32, i16)) -> Option<()> {
        let mut at = 1;
        loop {
            // As many lookups as there are bits for.
            for _ in 0..FILLED / LOOKUP - 1 {
                let pair = self.pairs[bits.peek(LOOKUP)];
                let [one, two] = pair.advances.map(|advance| at + u32::from(advance));
                if two >= 64 {
                    if pair.bits[0] == 0 {
                        let (symbol, value) = self.slow(bits)?;
                        at += advance(symbol, true);
                        keep(at, value);
                        if at >= 64 {
                            return is_end(at);
                        }
                        break;
                    }
                    keep(one, pair.values[0]);
                    if one == 64 {
                        // What the second one would be belongs to the next block.
                        bits.skip(u32::from(pair.bits[0]));
                        return Some(());
                    }
                    // Which of the two is the end is what cannot be foretold: an
                    // end that comes first is both.
                    keep(two, pair.values[1]);
                    bits.skip(u32::from(pair.bits[1]));
                    return is_end(two).filter(|()| !(64..END).contains(&one));
                }
                keep(one, pair.values[0]);
                keep(two, pair.values[1]);
                bits.skip(u32::from(pair.bits[1]));
                at = two;
            }
            bits.fill();
        }
    }

    /// Reads a code that is longer than the lookup, or whose value is.
    #[cold]
    fn slow(&self, bits: &mut Bits<'_>) -> Option<(u8, i16)> {
        bits.fill();
        let code = bits.peek(16) as u32;
        let length = (1..17).find(|length| code < self.ends[*length])?;
        let at = (code >> (16 - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(at).ok()?)?;
        bits.skip(length as u32);
        let size = u32::from(symbol & 15);
        let value = if size == 0 { 0 } else { bits.peek(size) as u32 };
        bits.skip(size);
        bits.fill();
        Some((symbol, extend(value, size)))
    }
}

/// Whether a block that went on to there ended as it should.
#[inline(always)]
fn is_end(at: u32) -> Option<()> {
    (at == 64 || at >= END).then_some(())
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

    /// Makes sure of [`FILLED`] bits, enough for the longest code and value; beyond the
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a block of bits written as text; answers with its coefficients that are
    /// not zero, by number, and how many bits it took.
    fn read(text: &str) -> Option<(Vec<(u32, i16)>, usize)> {
        // 0: sixteen zeros. 10: the end. 110: a value of one bit. 1110: two zeros
        // and a value of three bits.
        let counts = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let table = Table::new(&counts, &[0xf0, 0x00, 0x01, 0x23], true).unwrap();
        let mut bytes = vec![0; text.len() / 8 + 16];
        for (at, bit) in text.bytes().filter(|bit| *bit != b' ').enumerate() {
            bytes[at / 8] |= (bit - b'0') << (7 - at % 8);
        }
        let mut bits = Bits::new(&bytes, 0);
        bits.fill();
        let mut found = Vec::new();
        table.others(&mut bits, |at, value| {
            if value != 0 && found.last() != Some(&(at - 1, value)) {
                found.push((at - 1, value));
            }
        })?;
        Some((found, bits.place()))
    }

    #[test]
    fn a_block_ends_at_its_end_or_when_it_is_full() {
        assert_eq!(read("10 110 1"), Some((vec![], 2)));
        assert_eq!(
            read("110 1 110 0 1110 101 10 110 1"),
            Some((vec![(1, 1), (2, -1), (5, 5)], 17))
        );
        // To the last coefficient, after which no end is written; what follows
        // belongs to the next block.
        let full = format!("000 {} 10 110 1", "110 1".repeat(15));
        let (found, place) = read(&full).unwrap();
        assert_eq!((found.len(), found[14], place), (15, (63, 1), 63));
    }

    #[test]
    fn a_block_that_goes_too_far_is_no_block() {
        // By zeros alone, and with an end right behind them.
        assert_eq!(read("0000 10"), None);
        for coefficients in 1..4 {
            let text = format!("{} 000 0 10", "110 1".repeat(coefficients));
            assert_eq!(read(&text), None, "{text}");
        }
        let text = format!("000 {} 1110 101 10", "110 1".repeat(14));
        assert_eq!(read(&text), None);
    }
}
