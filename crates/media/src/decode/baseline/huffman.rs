//! Huffman codes of a JPEG as tables, of two coefficients an entry.
//!
//! A table has an entry for each value of the next bits: a coefficient, its code
//! and the bits of its value, and the one after it where both fit. What follows a
//! block's first coefficient has codes of another table, which is known, so that
//! the two may share an entry as well ([`Table::before`]).
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use super::bits::Bits;

/// Bits that a table is looked up by.
pub(super) const LOOKUP: u32 = 10;

/// The entries of a table.
const ENTRIES: usize = 1 << LOOKUP;

/// The bit of a coefficient's number that says that a block was left without its
/// end.
pub(super) const BEYOND: usize = 64;

/// How far goes on what needs a closer look, or no baseline file has: wherever a
/// block stands, to a number with [`BEYOND`].
const RARE: u32 = 64;

/// How far the end of a block goes on: to a number without [`BEYOND`], which is
/// no coefficient's, but from where a block is full already.
pub(super) const END: u32 = 128;

/// A coefficient, or what leads to it.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The value, or where it goes on by 0 the shortest that the code can be.
    value: i16,
    /// How many places it goes on; 0 where the code is longer than the lookup,
    /// or its value is.
    advance: u8,
    bits: u8,
}

/// A coefficient and the next one; where that does not fit, the same one twice.
///
/// From the lowest bit: eight for how many bits both take; eight for how far the
/// first goes on; sixteen for each value; eight for how many bits the first one
/// takes, none where it has to be read slowly, and then the first value is the
/// shortest that its code can be; eight for how far both go on, of which the
/// highest says that the block ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair(u64);

impl Pair {
    fn new(one: Entry, two: Entry) -> Self {
        Self(
            u64::from(two.bits)
                | u64::from(one.advance) << 8
                | u64::from(one.value as u16) << 16
                | u64::from(two.value as u16) << 32
                | u64::from(one.bits) << 48
                | u64::from(two.advance) << 56,
        )
    }

    #[inline(always)]
    pub(super) const fn ends(self) -> bool {
        self.0.cast_signed() < 0
    }

    #[inline(always)]
    pub(super) const fn values(self) -> [i16; 2] {
        [(self.0 >> 16) as i16, (self.0 >> 32) as i16]
    }

    /// How far the first goes on, and both.
    #[inline(always)]
    pub(super) const fn advances(self) -> [usize; 2] {
        [(self.0 >> 8) as u8 as usize, (self.0 >> 56) as usize]
    }

    /// What [`Bits::skip`] is to be told of both: in the lowest six bits, how many
    /// they take.
    #[inline(always)]
    pub(super) const fn to_skip(self) -> u64 {
        self.0
    }

    /// How many bits the first one takes.
    pub(super) const fn bits_of_first(self) -> u64 {
        self.0 >> 48 & 0xff
    }

    /// The first one alone.
    const fn first(self) -> Entry {
        let bits = self.bits_of_first() as u8;
        Entry {
            value: self.values()[0],
            advance: if bits == 0 {
                0
            } else {
                self.advances()[0] as u8
            },
            bits,
        }
    }
}

/// A table as the file describes it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pairs: [Pair; ENTRIES],
    /// For each length, what to add to a code to find its symbol, and the first
    /// number of sixteen bits that is no longer a code of this length.
    offsets: [i32; 17],
    ends: [u32; 17],
    symbols: Vec<u8>,
    is_ac: bool,
}

impl Table {
    /// Builds a table of the number of codes of each length and their symbols;
    /// `None` where they are no code.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8], is_ac: bool) -> Option<Box<Self>> {
        let mut table = Box::new(Self {
            pairs: [Pair::default(); ENTRIES],
            offsets: [0; 17],
            ends: [0; 17],
            symbols: symbols.to_vec(),
            is_ac,
        });
        let longer = Entry {
            value: LOOKUP as i16 + 1,
            ..Entry::default()
        };
        let mut entries = [longer; ENTRIES];
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
                    enter(&mut entries, code, length, symbol, is_ac);
                }
                code += 1;
                at += 1;
            }
            table.ends[length as usize] = code << (16 - length);
        }
        if at != symbols.len() || code > 1 << 16 {
            return None;
        }
        for (start, pair) in table.pairs.iter_mut().enumerate() {
            *pair = if is_ac {
                let one = entries[start];
                together(one, entries[(start << one.bits) % ENTRIES])
            } else {
                alone(entries[start])
            };
        }
        Some(table)
    }

    /// This table of first coefficients, for blocks whose others have that one.
    pub(super) fn before(&self, others: &Self) -> Box<Self> {
        let mut table = Box::new(self.clone());
        for (start, pair) in table.pairs.iter_mut().enumerate() {
            let one = pair.first();
            let two = others.pairs[(start << one.bits) % ENTRIES].first();
            *pair = together(one, two);
        }
        table
    }

    /// What the next bits begin with.
    #[inline(always)]
    pub(super) fn pair(&self, ahead: u64) -> Pair {
        self.pairs[(ahead >> (64 - LOOKUP)) as usize]
    }

    /// Reads a code and its value, however long they are, which the lookup of this
    /// pair did not hold; answers how far it goes on.
    pub(super) fn slow(&self, pair: Pair, bits: &mut Bits<'_>) -> Option<(u32, i16)> {
        let ahead = bits.ahead();
        let code = (ahead >> 48) as u32;
        let shortest = pair.values()[0] as usize;
        let length = (shortest..17).find(|length| code < self.ends[*length])?;
        let at = (code >> (16 - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(at).ok()?)?;
        let size = u32::from(symbol & 15);
        let value = (ahead << length >> 48) as u32 >> (16 - size);
        bits.skip(length as u64 + u64::from(size));
        Some((advance(symbol, self.is_ac), extend(value, size)))
    }
}

/// Fills the entries that begin with a code.
fn enter(entries: &mut [Entry; ENTRIES], code: u32, length: u32, symbol: u8, is_ac: bool) {
    let size = u32::from(symbol & 15);
    let rest = LOOKUP - length;
    let advance = advance(symbol, is_ac);
    let first = (code << rest) as usize;
    let entries = &mut entries[first..][..1 << rest];
    if size > rest {
        entries.fill(Entry {
            value: length as i16,
            ..Entry::default()
        });
        return;
    }
    for (after, entry) in entries.iter_mut().enumerate() {
        *entry = Entry {
            value: extend(after as u32 >> (rest - size), size),
            advance: advance as u8,
            bits: (length + size) as u8,
        };
    }
}

/// Puts an entry together with that of the bits behind it.
fn together(one: Entry, two: Entry) -> Pair {
    let is_coefficient = (1..=16).contains(&one.advance);
    let is_pair = is_coefficient && !matches!(u32::from(two.advance), 0 | RARE);
    if !is_pair || u32::from(one.bits + two.bits) > LOOKUP {
        return alone(one);
    }
    let both = Entry {
        value: two.value,
        advance: one.advance + two.advance,
        bits: one.bits + two.bits,
    };
    Pair::new(one, both)
}

/// An entry with nothing behind it.
fn alone(one: Entry) -> Pair {
    if one.advance == 0 {
        let rare = Entry {
            advance: RARE as u8,
            ..one
        };
        return Pair::new(rare, rare);
    }
    Pair::new(one, one)
}

/// How many places the coefficient of a symbol goes on.
const fn advance(symbol: u8, is_ac: bool) -> u32 {
    match symbol {
        _ if !is_ac => 1,
        0x00 => END,
        _ if symbol.trailing_zeros() >= 4 && symbol != 0xf0 => RARE,
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
