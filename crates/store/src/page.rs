//! Keyset pages: where a page begins, and what lies on either side of it.
//!
//! A list has two statements, one for each direction, both with the place as
//! parameters. The first page begins at a place beyond every row, so that it
//! needs no statement of its own.

use runnel_types::{Cursor, Page, PageRequest, Timestamp};
use uuid::Uuid;

use crate::column::Args;

/// The most rows of a page.
const MOST_ROWS: u32 = 500;

/// Adds the three parameters of a page ordered by creation: time, id, limit.
pub(crate) fn place(args: Args, request: PageRequest) -> Args {
    let beyond = if request.backward {
        Cursor {
            created_at: Timestamp::from_micros(i64::MIN),
            id: Uuid::nil(),
        }
    } else {
        Cursor {
            created_at: Timestamp::from_micros(i64::MAX),
            id: Uuid::max(),
        }
    };
    let place = request.cursor.unwrap_or(beyond);
    args.time(place.created_at)
        .word(place.id)
        .int(limit(request))
}

/// One row more than the page holds, which tells whether there are more.
pub(crate) fn limit(request: PageRequest) -> i64 {
    i64::from(request.limit.clamp(1, MOST_ROWS)) + 1
}

/// Makes the page of the rows found, which come in the direction of the walk.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    request: PageRequest,
    cursor: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let size = request.limit.clamp(1, MOST_ROWS) as usize;
    let more_ahead = rows.len() > size;
    rows.truncate(size);
    if request.backward {
        rows.reverse();
    }
    // The row that the cursor names lies behind, so there is something there.
    let more_behind = request.cursor.is_some();
    let (older, newer) = if request.backward {
        (more_behind, more_ahead)
    } else {
        (more_ahead, more_behind)
    };
    // A page that turns out empty still leads back to where it came from.
    let last = rows.last().map(&cursor).or(request.cursor);
    let first = rows.first().map(&cursor).or(request.cursor);
    Page {
        next: last.filter(|_| older),
        previous: first.filter(|_| newer),
        items: rows,
    }
}
