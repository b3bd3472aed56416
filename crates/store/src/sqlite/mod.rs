//! SQLite: statements run where they are called, unless they are long.
//!
//! A statement on a few rows takes some ten microseconds, about as long as it
//! takes to hand it to another thread and its rows back. So it is run on the
//! spot, by the thread that serves the request. What must not keep that thread
//! goes to one that may be kept busy:
//!
//! - `COMMIT`, which waits for the disk, and opening and closing.
//! - A statement that reads and was not done after some thousand steps of
//!   SQLite's machine: it is begun anew there. Nobody has to guess which list
//!   with which filter is long.
//! - A statement that writes and says [`lengthy`](crate::reader::Statement::lengthy)
//!   of itself. Stopping such a one halfway would undo its whole transaction.
//! - Whatever finds the file locked by another process, and has to wait.
//!
//! A future that is dropped meanwhile stops its statement if that only reads;
//! one that writes is finished and undone. Either way the thread gives the
//! connection back.

mod connection;
mod error;
mod group_commit;
mod readers;
mod row;

pub(crate) use connection::{Connection, Purpose};
pub(crate) use error::from_driver;
pub(crate) use group_commit::{Lease, Writer};
pub(crate) use readers::Readers;
pub(crate) use row::SqliteRow;

use crate::column::RawRow;
use crate::error::StoreError;
use crate::reader::Statement;
use connection::{Spot, Stop};

/// What has a connection for a while, and gives it back when it is dropped.
pub(crate) trait Held: Send + 'static {
    /// The connection.
    fn connection(&mut self) -> &mut Connection;
}

/// Runs a statement on the connection that `held` holds, and gives both back.
/// The connection is missing when the thread that had it did not end well.
pub(crate) async fn run<H: Held>(
    mut held: H,
    statement: Statement,
) -> (Option<H>, Result<Vec<RawRow>, StoreError>) {
    // A task of a thousand statements lets others have a turn.
    tokio::task::coop::consume_budget().await;
    let may_stop = match held.connection().on_the_spot(&statement) {
        Spot::Done(rows) => return (Some(held), rows),
        Spot::TooLong => true,
        Spot::Elsewhere => false,
    };
    let table = statement.table();
    let stop = held.connection().unhurried();
    let mut working = tokio::task::spawn_blocking(move || {
        let rows = held.connection().finish(&statement);
        (held, rows)
    });
    // Declared after the task, so that it is dropped before it: until then
    // nobody else can have got the connection.
    let mut stop = StopOnDrop(may_stop.then_some(stop));
    let ended = (&mut working).await;
    stop.0 = None;
    match ended {
        Ok((held, rows)) => (Some(held), rows),
        // The program is ending, or a defect.
        Err(error) => (None, Err(StoreError::unavailable(table, error))),
    }
}

/// Stops the statement that reads, when nobody waits for it any more.
struct StopOnDrop(Option<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.stop();
        }
    }
}

/// Does what waits for the disk, on a thread that may be kept busy.
pub(crate) async fn elsewhere<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::unavailable(what, error)))
}
