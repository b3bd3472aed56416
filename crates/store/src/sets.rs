//! Statements on many rows at once: `… IN ($3, $4, …)`.
//!
//! A statement is prepared once for each of its texts, so a set has one of few
//! sizes, and what is missing to it is filled up with its last member.

use std::fmt::{Display, Write as _};

use crate::column::Args;

/// The sizes of sets, ascending.
const SIZES: [usize; 4] = [1, 8, 32, 128];

/// The largest set.
const LARGEST: usize = SIZES[SIZES.len() - 1];

/// The sets that `members` are taken in.
pub(crate) fn of<T>(members: &[T]) -> impl Iterator<Item = &[T]> {
    members.chunks(LARGEST)
}

/// The places of a set's members in a statement with `count` parameters before
/// them, and its arguments.
pub(crate) fn words<T: Display>(mut args: Args, count: usize, set: &[T]) -> (String, Args) {
    let size = SIZES
        .into_iter()
        .find(|size| *size >= set.len())
        .unwrap_or(set.len());
    let mut places = String::with_capacity(size * 6);
    let filled = set.iter().chain(set.last().into_iter().cycle()).take(size);
    for (at, member) in filled.enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        // INVARIANT: writing to a string cannot fail.
        let _ = write!(places, "{comma}${}", count + at + 1);
        args = args.word(member);
    }
    (places, args)
}

/// The rows of `VALUES ($1, $2), ($3, $4), …`, with as many columns each.
pub(crate) fn rows(count: usize, columns: usize) -> String {
    let mut rows = String::with_capacity(count * columns * 5);
    for row in 0..count {
        rows.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // INVARIANT: writing to a string cannot fail.
            let _ = write!(rows, "{comma}${}", row * columns + column + 1);
        }
        rows.push(')');
    }
    rows
}

/// What `rows` of new rows are inserted in: none can be doubled here, so each set
/// is of one of the sizes.
pub(crate) fn whole<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().rev().find(|size| *size <= rows.len())?;
        let (set, rest) = rows.split_at(size);
        rows = rest;
        Some(set)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_filled_up_to_one_of_few_sizes() {
        let (places, _) = words(Args::new(), 2, &["a", "b"]);
        assert_eq!(places, "$3, $4, $5, $6, $7, $8, $9, $10");
        assert_eq!(words(Args::new(), 0, &["a"]).0, "$1");
        let sizes: Vec<usize> = of(&[0; 300]).map(<[i32]>::len).collect();
        assert_eq!(sizes, [128, 128, 44]);
    }

    #[test]
    fn new_rows_come_in_whole_sets() {
        let sizes: Vec<usize> = whole(&[0; 171]).map(<[i32]>::len).collect();
        assert_eq!(sizes, [128, 32, 8, 1, 1, 1]);
        assert_eq!(rows(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(whole::<i32>(&[]).count(), 0);
    }
}
