//! Blocks of a scan, read in a row.
//!
//! Where a block ends cannot be foretold, and a processor that guesses wrong throws
//! away what some fifty instructions did. So blocks are read by steps that are the
//! same wherever they stand: the end of a block is a choice of the next table and
//! of the next place to write to, not a branch.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use std::hint::select_unpredictable;

use super::bits::{AHEAD, Bits};
use super::huffman::{BEYOND, END, LOOKUP, Pair, Table};

/// How many blocks are read in a row.
pub(super) const ROW: usize = 16;

/// Room for a block as it is read: its coefficients by their numbers, counted
/// from 1, and what its end looks like.
pub(super) const ROOM: usize = 256;

/// Blocks that are read in a row, [`ROOM`] for each.
pub(super) type Row = [i16; ROW * ROOM];

/// How many lookups the bits that were fetched are enough for, after those of the
/// lookup that was under way meanwhile.
const LOOKUPS: u32 = AHEAD / LOOKUP - 1;

/// The tables for the blocks of a row: for the other coefficients of a block, and
/// for the first one of the next.
#[derive(Debug)]
pub(super) struct Tables<'a>([(&'a Table, &'a Table); ROW]);

impl<'a> Tables<'a> {
    /// Of the tables of each block: for its first coefficient, and for the others.
    pub(super) fn new(blocks: &[(&'a Table, &'a Table); ROW]) -> Self {
        Self(std::array::from_fn(|at| {
            (blocks[at].1, blocks[(at + 1) % ROW].0)
        }))
    }

    /// Reads the first `count` blocks of a row, where coefficients that are zero
    /// stay what they were before. `None` where a block does not end as it should.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut Bits<'_>, row: &mut Row, count: usize) -> Option<()> {
        // The last block of a row is followed by one like the first.
        let mut table = self.0[ROW - 1].1;
        // The number in the row of what was read last.
        let mut at = 0;
        let mut ahead = bits.ahead();
        // How much of what is ahead was taken, since it was fetched.
        let mut taken = 0u64;
        'blocks: while at < count * ROOM {
            for lookup in 1..=LOOKUPS {
                // What comes after the last lookup is fetched before it, so that
                // nothing waits for it.
                let fetched = if lookup == LOOKUPS {
                    bits.skip(taken);
                    taken = 0;
                    bits.ahead()
                } else {
                    ahead
                };
                let (others, next) = self.0[at / ROOM % ROW];
                let pair = table.pair(ahead);
                let [one, two] = pair.advances().map(|advance| at + advance);
                if two & BEYOND != 0 {
                    bits.skip(taken);
                    taken = 0;
                    let (advance, value) = match pair.code() {
                        Some(code) => (usize::from(code.advance), code.read(bits)),
                        None => rare(table, bits, pair)?,
                    };
                    let number = at % ROOM + advance;
                    if number > 64 && advance != END as usize {
                        return None;
                    }
                    row[(at + advance) % row.len()] = value;
                    // Its last coefficient ends a block as well.
                    let ended = number >= 64;
                    at = if ended { after(at) } else { at + advance };
                    table = if ended { next } else { others };
                    ahead = bits.ahead();
                    continue 'blocks;
                }
                let values = pair.values();
                row[one % row.len()] = values[0];
                row[two % row.len()] = values[1];
                // Shifts heed six bits only, and so does `skip`.
                ahead = fetched.wrapping_shl(pair.to_skip() as u32);
                taken = taken.wrapping_add(pair.to_skip());
                at = select_unpredictable(pair.ends(), after(at), two);
                table = select_unpredictable(pair.ends(), next, others);
                if at == count * ROOM {
                    break 'blocks;
                }
            }
        }
        bits.skip(taken);
        Some(())
    }
}

/// Where the block after the one of this number begins.
#[inline(always)]
const fn after(at: usize) -> usize {
    (at | (ROOM - 1)) + 1
}

/// Reads a code that is longer than the lookup, or the one that fills a block;
/// answers how far it goes on.
#[cold]
#[inline(never)]
fn rare(table: &Table, bits: &mut Bits<'_>, pair: Pair) -> Option<(usize, i16)> {
    if pair.bits_of_first() == 0 {
        let (advance, value) = table.slow(bits)?;
        return Some((advance as usize, value));
    }
    // What would be the second one may belong to the next block.
    bits.skip(pair.bits_of_first());
    Some((pair.advances()[0], pair.values()[0]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bits written as text, spaces left out, as bytes with room behind them.
    fn bytes(text: &str) -> Vec<u8> {
        let mut bytes = vec![0; text.len() / 8 + 16];
        for (at, bit) in text.bytes().filter(|bit| *bit != b' ').enumerate() {
            bytes[at / 8] |= (bit - b'0') << (7 - at % 8);
        }
        bytes
    }

    /// Reads so many blocks, and how many bits they took.
    fn read_row(first: &Table, others: &Table, text: &str, count: usize) -> Option<(Row, usize)> {
        let bytes = bytes(text);
        let mut bits = Bits::new(&bytes, 0);
        let mut row = [0; ROW * ROOM];
        Tables::new(&[(first, others); ROW]).read(&mut bits, &mut row, count)?;
        Some((row, bits.place()))
    }

    /// Reads one block; answers with its coefficients that are not zero, by number,
    /// and how many bits those after the first one took.
    fn read(text: &str) -> Option<(Vec<(usize, i16)>, usize)> {
        let first = Table::new(&counts(&[(1, 1)]), &[0], false).unwrap();
        // 0: sixteen zeros. 10: the end. 110: a value of one bit. 1110: two zeros
        // and a value of three bits.
        let lengths = counts(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        let others = Table::new(&lengths, &[0xf0, 0x00, 0x01, 0x23], true).unwrap();
        let (row, place) = read_row(&first, &others, &format!("0 {text}"), 1)?;
        let block = row[1..65].iter().copied().enumerate();
        Some((block.filter(|(_, value)| *value != 0).collect(), place - 1))
    }

    /// How many codes there are of each length.
    fn counts(lengths: &[(usize, u8)]) -> [u8; 16] {
        let mut counts = [0; 16];
        for (length, count) in lengths {
            counts[length - 1] = *count;
        }
        counts
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

    #[test]
    fn what_no_baseline_file_has_is_refused() {
        // Three zeros, and then a coefficient that is one as well.
        let first = Table::new(&counts(&[(1, 1)]), &[0], false).unwrap();
        let others = Table::new(&counts(&[(1, 1), (2, 1)]), &[0x30, 0x00], true).unwrap();
        assert!(read_row(&first, &others, "0 10", 1).is_some());
        assert!(read_row(&first, &others, "0 0 10", 1).is_none());
        assert!(Table::new(&counts(&[(1, 1)]), &[12], false).is_none());
    }

    /// Symbols with codes of many lengths: some that fit a lookup, others that do not.
    fn code(symbols: &[u8], is_ac: bool) -> (Box<Table>, Vec<String>) {
        let short = (2..15).take(symbols.len() - 1).map(|length| (length, 1));
        let rest = symbols.len() - short.len();
        let lengths: Vec<_> = short.chain([(16, rest as u8)]).collect();
        let mut codes = Vec::new();
        let mut code = 0;
        let mut before = 0;
        for (length, count) in &lengths {
            code <<= length - before;
            before = *length;
            for _ in 0..*count {
                codes.push(format!("{code:0length$b}"));
                code += 1;
            }
        }
        let table = Table::new(&counts(&lengths), symbols, is_ac).unwrap();
        (table, codes)
    }

    /// The bits of a value and how many they are.
    fn value_bits(value: i16) -> (u8, String) {
        let size = (16 - value.unsigned_abs().leading_zeros()) as usize;
        let bits = if value < 0 {
            i32::from(value) + (1 << size) - 1
        } else {
            i32::from(value)
        };
        let text = format!("{bits:0size$b}");
        (size as u8, if size == 0 { String::new() } else { text })
    }

    fn block() -> impl Strategy<Value = [i16; 64]> {
        let coefficient = (1usize..64, prop_oneof![-3i16..=3, -1023i16..=1023]);
        let others = proptest::collection::vec(coefficient, 0..70);
        (-2047i16..=2047, others).prop_map(|(first, others)| {
            let mut block = [0; 64];
            block[0] = first;
            for (at, value) in others {
                block[at] = value;
            }
            block
        })
    }

    proptest! {
        #[test]
        fn blocks_are_read_as_they_were_written(
            blocks in proptest::collection::vec(block(), 1..ROW),
            turned in any::<prop::sample::Index>(),
        ) {
            let of_first: Vec<u8> = (0..12).collect();
            let mut of_others = vec![0x00, 0x01, 0x11, 0x02, 0xf0, 0x03, 0x21, 0x05];
            let rest = (0..=255u8).filter(|symbol| (1..=10).contains(&(symbol & 15)));
            let rest: Vec<u8> = rest.filter(|symbol| !of_others.contains(symbol)).collect();
            of_others.extend(rest);
            // Any of them may be those with the short codes.
            let turned = turned.index(of_others.len());
            of_others.rotate_left(turned);
            let (first, first_codes) = code(&of_first, false);
            let (others, other_codes) = code(&of_others, true);
            let before = first.before(&others);
            let mut text = String::new();
            for block in &blocks {
                let (size, bits) = value_bits(block[0]);
                text += &first_codes[usize::from(size)];
                text += &bits;
                let mut zeros = 0;
                let put = |text: &mut String, symbol: u8| {
                    let at = of_others.iter().position(|other| *other == symbol).unwrap();
                    *text += &other_codes[at];
                };
                for value in &block[1..] {
                    if *value == 0 {
                        zeros += 1;
                        continue;
                    }
                    while zeros > 15 {
                        put(&mut text, 0xf0);
                        zeros -= 16;
                    }
                    let (size, bits) = value_bits(*value);
                    put(&mut text, zeros << 4 | size);
                    text += &bits;
                    zeros = 0;
                }
                if zeros > 0 {
                    put(&mut text, 0x00);
                }
            }
            for first in [first, before] {
                let (row, place) = read_row(&first, &others, &text, blocks.len()).unwrap();
                prop_assert_eq!(place, text.len());
                for (written, read) in blocks.iter().zip(row.as_chunks::<ROOM>().0) {
                    prop_assert_eq!(&written[..], &read[1..65]);
                }
            }
        }
    }
}
