//! Pages of a run's log: where one begins, and what lies on either side of it.
//!
//! A log has one order and no filter; every other list is in `query.rs`.

use runnel_types::{Cursor, Page, PageRequest};

/// The most rows of a page.
const MOST_ROWS: u32 = 500;

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
