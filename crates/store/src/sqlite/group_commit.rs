//! SQLite's one writer, which commits transactions that wait at the same time together.
//!
//! # Players
//! - The **actor** owns the only connection that writes. It opens a *group* with
//!   `BEGIN IMMEDIATE` when somebody asks to begin, and ends it with `COMMIT`.
//! - A **member** is one transaction. It gets the connection handed over as a
//!   [`Lease`] and hands it back by committing or by being dropped.
//!
//! # In order
//! 1. The actor hands the connection to the first who asked.
//! 2. The member commits, and waits. Or it is dropped: the group is rolled back
//!    and ended, so nothing of it remains.
//! 3. When others ask meanwhile, the next one joins the group, up to
//!    [`MOST_MEMBERS`] and [`LONGEST`]. Nobody is waited for. Since others wait
//!    in the group by now, this one is a savepoint of it, which is released or
//!    rolled back. Most members are alone and need none.
//! 4. `COMMIT` syncs once for all, and every member that waits is answered.
//!
//! # What goes wrong
//! - `COMMIT` fails, or the engine gave the whole group up (a full disk does
//!   that): every member that waits is told, none is answered with success.
//! - Who asked is gone before the connection reaches it: the lease comes back
//!   by its `Drop`, wherever it was on its way. The same holds for a panic.
//! - A statement was cancelled while another thread is at work on it: that thread
//!   has the lease, finishes the statement and then drops it.
//! - The connection fails: it is thrown away and the next group opens another.
//! - The process dies: SQLite drops the group, of which nobody was answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Purpose};
use super::{Held, elsewhere};
use crate::connect::PATIENCE;
use crate::error::StoreError;

/// Members of a group at most, so that the first is not kept waiting by the last.
const MOST_MEMBERS: usize = 256;
/// A group that is older takes no further member. A sync takes about 1 ms, so
/// beyond a few of them there is nothing left to share.
const LONGEST: Duration = Duration::from_millis(5);
/// Requests that wait in line; further ones wait to get into it.
const LINE: usize = 1024;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Request {
    Begin(Answer<Lease>),
    Close(oneshot::Sender<()>),
}

/// The way to the actor.
#[derive(Debug)]
pub(crate) struct Writer(mpsc::Sender<Request>);

impl Writer {
    /// Starts the actor over `connection` to the file at `path`.
    pub(crate) fn start(connection: Connection, path: &Path) -> Self {
        let (sender, requests) = mpsc::channel(LINE);
        tokio::spawn(
            Actor {
                requests,
                connection: Some(connection),
                path: path.to_owned(),
            }
            .run(),
        );
        Self(sender)
    }

    /// Waits for the connection.
    ///
    /// # Cancel safety
    /// The place in line, or the lease if it was granted already, is given back.
    pub(crate) async fn begin(&self) -> Result<Lease, StoreError> {
        const WHAT: &str = "waiting for SQLite's writer";
        let (answer, granted) = oneshot::channel();
        let waited = timeout(PATIENCE, async {
            self.0.send(Request::Begin(answer)).await.ok()?;
            granted.await.ok()
        });
        match waited.await {
            Ok(Some(result)) => result,
            Ok(None) => Err(closed()),
            Err(elapsed) => Err(StoreError::unavailable(WHAT, elapsed)),
        }
    }

    /// Ends the actor when the transactions before are done, and waits for that.
    pub(crate) async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.0.send(Request::Close(done)).await.is_ok() {
            // An error says that the actor has ended, which is what is wanted.
            let _ = ended.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("writing", "the database was closed")
}

/// The connection, lent to one transaction. Dropping it rolls the transaction back.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<Connection>,
    back: Option<oneshot::Sender<Return>>,
}

#[derive(Debug)]
struct Return {
    connection: Connection,
    /// Whom to tell about the commit; `None` rolls back.
    commit: Option<Answer<()>>,
}

impl Held for Lease {
    fn connection(&mut self) -> &mut Connection {
        // INVARIANT: only `give_back` takes it, from `commit` and `drop`, which end the lease.
        self.connection
            .as_mut()
            .expect("a lease has its connection until its end")
    }
}

impl Lease {
    /// Commits with the group and returns when the change is on the disk.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let (answer, committed) = oneshot::channel();
        self.give_back(Some(answer));
        committed.await.unwrap_or_else(|_| Err(closed()))
    }

    fn give_back(&mut self, commit: Option<Answer<()>>) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            // When the actor is gone the connection is closed here, which rolls back.
            let _ = back.send(Return { connection, commit });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

struct Actor {
    requests: mpsc::Receiver<Request>,
    /// Absent when the last one failed.
    connection: Option<Connection>,
    path: PathBuf,
}

impl Actor {
    async fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            closing = match self.requests.recv().await {
                Some(Request::Begin(first)) => self.group(first).await,
                Some(Request::Close(done)) => Some(done),
                // Every handle was dropped without closing.
                None => break,
            };
        }
        self.requests.close();
        if let Some(connection) = self.connection.take()
            && let Err(error) = elsewhere("closing", || fold(connection)).await
        {
            tracing::warn!(
                error = error.with_causes(),
                "SQLite's log was not folded into its file; the next start does it"
            );
        }
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// Serves `first` and whoever joins; returns the request to close, if one came.
    async fn group(&mut self, first: Answer<Lease>) -> Option<oneshot::Sender<()>> {
        let connection = match self.open_group().await {
            Ok(connection) => connection,
            Err(error) => {
                let _ = first.send(Err(error));
                return None;
            }
        };
        let mut waiting = Vec::new();
        let mut closing = None;
        let result = match self
            .members(connection, first, &mut waiting, &mut closing)
            .await
        {
            Ok(connection) => self.end_group(connection, !waiting.is_empty()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            tracing::error!(
                error = error.with_causes(),
                members = waiting.len(),
                "SQLite transactions were lost before their commit"
            );
        }
        for member in waiting {
            // Who does not wait any more learns it from the database.
            let _ = member.send(result.clone());
        }
        closing
    }

    async fn open_group(&mut self) -> Result<Connection, StoreError> {
        // IMMEDIATE, because a transaction that first reads and then wants to
        // write fails at once when another process has written between.
        const BEGIN: &str = "BEGIN IMMEDIATE";
        let mut connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let path = self.path.clone();
            elsewhere("connecting", move || {
                Connection::open(&path, Purpose::Writing)
            })
            .await?
        };
        if connection.try_word(BEGIN)? {
            return Ok(connection);
        }
        elsewhere("writing", move || {
            connection.patient_word(BEGIN)?;
            Ok(connection)
        })
        .await
    }

    /// Commits the group, or rolls it back when nothing of it remains. After an
    /// error the connection is not used again.
    async fn end_group(
        &mut self,
        mut connection: Connection,
        keep: bool,
    ) -> Result<(), StoreError> {
        let connection = if keep {
            elsewhere("committing", move || {
                connection.patient_word("COMMIT")?;
                Ok(connection)
            })
            .await?
        } else {
            connection.patient_word("ROLLBACK")?;
            connection
        };
        self.connection = Some(connection);
        Ok(())
    }

    /// Lends the connection to one member after another. On an error the group
    /// is lost, and the connection with it.
    async fn members(
        &mut self,
        mut connection: Connection,
        first: Answer<Lease>,
        waiting: &mut Vec<Answer<()>>,
        closing: &mut Option<oneshot::Sender<()>>,
    ) -> Result<Connection, StoreError> {
        let began = Instant::now();
        let mut savepoint = Savepoint::None;
        let mut next = Some(first);
        while let Some(asked) = next.take() {
            if !asked.is_closed() {
                if !waiting.is_empty() {
                    savepoint.open(&mut connection)?;
                }
                let (returned, commit) = lend(connection, asked).await?;
                connection = returned;
                match commit {
                    Some(member) => waiting.push(member),
                    // It may have left something, which goes with the group.
                    None if waiting.is_empty() => break,
                    None => savepoint.undo(&mut connection)?,
                }
            }
            if waiting.len() >= MOST_MEMBERS || began.elapsed() >= LONGEST {
                break;
            }
            match self.requests.try_recv() {
                Ok(Request::Begin(asked)) => next = Some(asked),
                Ok(Request::Close(done)) => *closing = Some(done),
                Err(_) => {}
            }
        }
        Ok(connection)
    }
}

/// Where the changes of the member at work begin. The last member's need no end
/// of their own, since the group's `COMMIT` is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    /// There is none yet.
    None,
    /// The member before has committed after it.
    Used,
    /// Nothing has changed since.
    Clean,
}

impl Savepoint {
    /// Makes sure that the next member's changes can be undone alone.
    fn open(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        if *self == Self::Used {
            connection.patient_word("RELEASE member")?;
        }
        if *self != Self::Clean {
            connection.patient_word("SAVEPOINT member")?;
        }
        *self = Self::Used;
        Ok(())
    }

    /// Undoes what the member at work changed.
    fn undo(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.patient_word("ROLLBACK TO member")?;
        *self = Self::Clean;
        Ok(())
    }
}

/// Lends the connection to one member; answers with whom to tell of the commit,
/// or with nobody when the member was dropped.
async fn lend(
    connection: Connection,
    asked: Answer<Lease>,
) -> Result<(Connection, Option<Answer<()>>), StoreError> {
    let (back, returned) = oneshot::channel();
    let lease = Lease {
        connection: Some(connection),
        back: Some(back),
    };
    // If the member is gone, this drops the lease, which comes back below.
    let _ = asked.send(Ok(lease));
    let Ok(Return { connection, commit }) = returned.await else {
        return Err(StoreError::unavailable(
            "writing",
            "the connection was lost with its transaction",
        ));
    };
    Ok((connection, commit))
}

/// Folds the log into the file and closes the connection.
fn fold(mut connection: Connection) -> Result<(), StoreError> {
    connection.patient_word("PRAGMA wal_checkpoint(TRUNCATE)")
}
