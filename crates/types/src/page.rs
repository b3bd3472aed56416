//! Pages of lists: keyset cursors, so that a page costs the same at any depth.
//!
//! A cursor names the last row seen by its place in the order (time, then id),
//! not by a count of rows: inserts neither shift nor repeat rows.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::time::Timestamp;

/// A place in a list ordered by creation, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the row at this place was created.
    pub created_at: Timestamp,
    /// The row's id, which orders rows of one instant.
    pub id: Uuid,
}

/// A cursor that this server did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cursor in pq is not one that this server made; leave pq out to start at the first page"
)]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "c1{:016x}{}",
            self.created_at.as_micros(),
            self.id.simple()
        )
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text
            .strip_prefix("c1")
            .filter(|hex| hex.len() == 48 && hex.is_ascii())
            .ok_or(BadCursor)?;
        let (time, id) = hex.split_at(16);
        let micros = u64::from_str_radix(time, 16).map_err(|_| BadCursor)?;
        let id = Uuid::try_parse(id).map_err(|_| BadCursor)?;
        Ok(Self {
            created_at: Timestamp::from_micros(micros as i64),
            id,
        })
    }
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows on the page, 1 to 500.
    pub limit: u32,
    /// The place to go on from; the first page when absent.
    pub cursor: Option<Cursor>,
    /// Walks towards newer rows instead of older ones.
    pub backward: bool,
}

/// One page of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// The rows.
    pub items: Vec<T>,
    /// The place after which more rows follow, when there are any.
    pub next: Option<C>,
    /// The place before which others lie, when there are any.
    pub previous: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The same page with each row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U, C> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
            previous: self.previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_strangers_are_refused() {
        let cursor = Cursor {
            created_at: Timestamp::from_micros(1_778_061_600_123_456),
            id: Uuid::max(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in [
            "",
            "c1",
            "x",
            "c1é",
            &"c1zz".repeat(12),
            &cursor.to_string()[1..],
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
