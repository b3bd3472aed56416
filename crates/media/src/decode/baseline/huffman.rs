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

/// What the bits of a lookup begin with.
#[derive(Debug, Clone, Copy, Default)]
enum Entry {
    /// A coefficient: its value, how many places it goes on, and how many bits its
    /// code and value take.
    Whole { value: i16, advance: u8, bits: u8 },
    /// A code whose value goes beyond the lookup.
    Code(Code),
    /// A part of a longer code, or of none.
    #[default]
    Part,
}

/// A code without its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    /// How many bits it has.
    length: u8,
    /// How many places its coefficient goes on.
    pub(super) advance: u8,
    /// How many bits its value has.
    size: u8,
}

impl Code {
    /// Reads the code, which comes next, and its value.
    #[inline(always)]
    pub(super) fn read(self, bits: &mut Bits<'_>) -> i16 {
        // In two shifts, since there may be no bits at all.
        let value = bits.ahead() << (self.length % 64) >> 1 >> ((63 - self.size) % 64);
        bits.skip(u64::from(self.length + self.size));
        extend(value as u32, u32::from(self.size))
    }
}

/// A coefficient and the next one; where that does not fit, the same one twice.
///
/// From the lowest bit: eight for how many bits both take; eight for how far the
/// first goes on; sixteen for each value; eight for how many bits the first one
/// takes; eight for how far both go on, of which the highest says that the block
/// ends. Where the first is not all there, they go on by [`RARE`], and in place of
/// the values are the bits of the code, none where it is longer than the lookup,
/// and those of its value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair(u64);

impl Pair {
    fn of(fields: [u8; 4], values: [i16; 2]) -> Self {
        let [bits, advance_of_first, bits_of_first, advance] = fields;
        Self(
            u64::from(bits)
                | u64::from(advance_of_first) << 8
                | u64::from(values[0] as u16) << 16
                | u64::from(values[1] as u16) << 32
                | u64::from(bits_of_first) << 48
                | u64::from(advance) << 56,
        )
    }

    /// An entry with nothing behind it.
    fn alone(one: Entry) -> Self {
        let rare = RARE as u8;
        match one {
            Entry::Whole {
                value,
                advance,
                bits,
            } => Self::of([bits, advance, bits, advance], [value; 2]),
            Entry::Code(code) => Self::of(
                [0, code.advance, 0, rare],
                [code.length, code.size].map(i16::from),
            ),
            Entry::Part => Self::of([0, 0, 0, rare], [0; 2]),
        }
    }

    /// An entry together with that of the bits behind it.
    fn new(one: Entry, two: Entry) -> Self {
        if let Entry::Whole {
            value,
            advance: advance @ 1..=16,
            bits,
        } = one
            && let Entry::Whole {
                value: next,
                advance: on,
                bits: more,
            } = two
            && u32::from(on) != RARE
            && u32::from(bits + more) <= LOOKUP
        {
            return Self::of([bits + more, advance, bits, advance + on], [value, next]);
        }
        Self::alone(one)
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

    /// How many bits the first one takes; none where it is not all there.
    pub(super) const fn bits_of_first(self) -> u64 {
        self.0 >> 48 & 0xff
    }

    /// The code whose value goes beyond the lookup, where this is one.
    #[inline(always)]
    pub(super) const fn code(self) -> Option<Code> {
        let [length, size] = self.values();
        if self.bits_of_first() != 0 || length == 0 {
            return None;
        }
        Some(Code {
            length: length as u8,
            advance: self.advances()[0] as u8,
            size: size as u8,
        })
    }

    /// The first one alone.
    const fn first(self) -> Entry {
        let bits = self.bits_of_first() as u8;
        if bits == 0 {
            return match self.code() {
                Some(code) => Entry::Code(code),
                None => Entry::Part,
            };
        }
        Entry::Whole {
            value: self.values()[0],
            advance: self.advances()[0] as u8,
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
        let mut entries = [Entry::Part; ENTRIES];
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
                Pair::new(one, entries[(start << one.bits()) % ENTRIES])
            } else {
                Pair::alone(entries[start])
            };
        }
        Some(table)
    }

    /// This table of first coefficients, for blocks whose others have that one.
    pub(super) fn before(&self, others: &Self) -> Box<Self> {
        let mut table = Box::new(self.clone());
        for (start, pair) in table.pairs.iter_mut().enumerate() {
            let one = pair.first();
            let two = others.pairs[(start << one.bits()) % ENTRIES].first();
            *pair = Pair::new(one, two);
        }
        table
    }

    /// What the next bits begin with.
    #[inline(always)]
    pub(super) fn pair(&self, ahead: u64) -> Pair {
        self.pairs[(ahead >> (64 - LOOKUP)) as usize]
    }

    /// Reads a code that is longer than the lookup, and its value; answers how far
    /// it goes on.
    pub(super) fn slow(&self, bits: &mut Bits<'_>) -> Option<(u32, i16)> {
        let next = (bits.ahead() >> 48) as u32;
        let length = (LOOKUP as usize + 1..17).find(|length| next < self.ends[*length])?;
        let at = (next >> (16 - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(at).ok()?)?;
        let code = Code {
            length: length as u8,
            advance: advance(symbol, self.is_ac) as u8,
            size: symbol & 15,
        };
        Some((u32::from(code.advance), code.read(bits)))
    }
}

impl Entry {
    /// How many bits it takes of the lookup.
    const fn bits(self) -> u8 {
        match self {
            Self::Whole { bits, .. } => bits,
            Self::Code(_) | Self::Part => 0,
        }
    }
}

/// Fills the entries that begin with a code.
fn enter(entries: &mut [Entry; ENTRIES], code: u32, length: u32, symbol: u8, is_ac: bool) {
    let size = u32::from(symbol & 15);
    let rest = LOOKUP - length;
    let advance = advance(symbol, is_ac) as u8;
    let first = (code << rest) as usize;
    let entries = &mut entries[first..][..1 << rest];
    if size > rest {
        entries.fill(Entry::Code(Code {
            length: length as u8,
            advance,
            size: size as u8,
        }));
        return;
    }
    for (after, entry) in entries.iter_mut().enumerate() {
        *entry = Entry::Whole {
            value: extend(after as u32 >> (rest - size), size),
            advance,
            bits: (length + size) as u8,
        };
    }
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

/// The value of `size` bits: the lower half of them are the negative ones. Without
/// a branch, since neither half can be foretold.
#[inline(always)]
const fn extend(bits: u32, size: u32) -> i16 {
    let is_lower = !(bits >> (size.wrapping_sub(1) % 32)) & 1;
    bits.wrapping_sub(is_lower * ((1 << size) - 1)) as i16
}
