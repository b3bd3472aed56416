//! Wake-ups of whoever follows a run: its executing worker, a stream of its
//! events, a request that waits for its end.
//!
//! A commit that changed runs wakes those who watch them in this process and, on
//! PostgreSQL, tells the others a moment later, outside of any transaction.
//! Like the wake-ups of workers these may be lost: the row is the truth, and
//! whoever watches also looks at it from time to time.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::RunId;
use tokio::sync::{mpsc, watch};

use crate::Store;
use crate::column::Args;
use crate::reader::{Read, Statement, changed};

/// The channel's name never changes: old and new processes share it.
pub(crate) const CHANNEL: &str = "runnel_runs";

/// How many changes wait to be told to other processes; more are not told.
const OUTBOX: usize = 1024;

/// How many changes are told at once: PostgreSQL takes less than 8000 bytes.
const TOLD_AT_ONCE: usize = 128;

/// Stands behind the id of a run that has ended.
const ENDED: char = '!';

/// That something of a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) run: RunId,
    /// Whether it has ended.
    pub(crate) is_end: bool,
}

/// What a watched run has been through since somebody watches it.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    changes: u64,
    has_ended: bool,
}

/// Who watches which run in this process.
#[derive(Debug)]
pub(crate) struct RunSignals {
    watched: Mutex<HashMap<RunId, watch::Sender<Seen>>>,
    outbox: mpsc::Sender<Change>,
    /// Until somebody tells the other processes.
    unsent: Mutex<Option<mpsc::Receiver<Change>>>,
}

impl RunSignals {
    pub(crate) fn new() -> Self {
        let (outbox, unsent) = mpsc::channel(OUTBOX);
        Self {
            watched: Mutex::default(),
            outbox,
            unsent: Mutex::new(Some(unsent)),
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Seen>>> {
        // Each change under the lock is whole: a poisoned one guards a good map.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who watch the run.
    pub(crate) fn wake(&self, change: Change) {
        if let Some(watched) = self.watched().get(&change.run) {
            watched.send_modify(|seen| {
                seen.changes += 1;
                seen.has_ended |= change.is_end;
            });
        }
    }

    /// Wakes everybody, after changes may have been missed.
    pub(crate) fn wake_all(&self) {
        for watched in self.watched().values() {
            watched.send_modify(|seen| seen.changes += 1);
        }
    }

    /// Wakes whoever a notification of another process is for.
    pub(crate) fn wake_told(&self, payload: &str) {
        for word in payload.split_ascii_whitespace() {
            let id = word.trim_end_matches(ENDED);
            // What a newer version may say besides is not for us.
            if let Ok(run) = id.parse() {
                let is_end = id.len() < word.len();
                self.wake(Change { run, is_end });
            }
        }
    }

    /// Keeps a change to be told to other processes; when too many wait, it is
    /// for them to look.
    pub(crate) fn tell(&self, change: Change) {
        let _ = self.outbox.try_send(change);
    }

    /// The changes that are to be told; once.
    pub(crate) fn take_unsent(&self) -> Option<mpsc::Receiver<Change>> {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        unsent.take()
    }
}

/// Tells other processes for ever.
pub(crate) async fn tell_others(read: Read, mut unsent: mpsc::Receiver<Change>) {
    let mut batch = Vec::new();
    while unsent.recv_many(&mut batch, TOLD_AT_ONCE).await > 0 {
        let payload = payload(&batch);
        batch.clear();
        let sql = "SELECT CAST(pg_notify($1, $2) AS TEXT) AS told";
        let args = Args::new().text(CHANNEL).text(&payload);
        if let Err(error) = changed(&mut &read, Statement::new("runs", sql, args)).await {
            tracing::debug!(%error, "other processes were not told of changed runs; they look by themselves");
        }
    }
}

fn payload(changes: &[Change]) -> String {
    let mut payload = String::with_capacity(changes.len() * 38);
    for change in changes {
        let end = if change.is_end { "!" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(payload, "{}{end} ", change.run);
    }
    payload
}

/// Follows one run. Watch first and look then, so that no change between the
/// look and the wait is missed.
#[derive(Debug)]
pub struct RunWatch {
    signals: Arc<RunSignals>,
    run: RunId,
    seen: watch::Receiver<Seen>,
}

impl RunWatch {
    /// Resolves when the run has changed since this was last asked.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn changed(&mut self) {
        if self.seen.changed().await.is_err() {
            // The sender stays in the map for as long as somebody watches.
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when the run's end was committed since the watch began.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn ended(&mut self) {
        if self.seen.wait_for(|seen| seen.has_ended).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for RunWatch {
    fn drop(&mut self) {
        let mut watched = self.signals.watched();
        // This one is still counted.
        let is_last = watched
            .get(&self.run)
            .is_some_and(|watched| watched.receiver_count() <= 1);
        if is_last {
            watched.remove(&self.run);
        }
    }
}

impl Store {
    /// Begins to follow a run, whosever it is: a wake-up tells nothing of it.
    pub fn watch_run(&self, run: RunId) -> RunWatch {
        let signals = Arc::clone(&self.0.run_signals);
        let seen = signals.watched().entry(run).or_default().subscribe();
        RunWatch { signals, run, seen }
    }

    /// How many runs are being watched in this process.
    pub fn count_watched_runs(&self) -> usize {
        self.0.run_signals.watched().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard() {
        let signals = Arc::new(RunSignals::new());
        let ids = [1, 2, 3].map(RunId::from_u128);
        let subscribe = |run| signals.watched().entry(run).or_default().subscribe();
        let watched = ids.map(subscribe);
        let change = |run, is_end| Change { run, is_end };
        let told = payload(&[change(ids[0], false), change(ids[1], true)]);
        signals.wake_told(&format!("{told} of-a-newer-version ! "));
        let seen = watched.map(|seen| (seen.borrow().changes, seen.borrow().has_ended));
        assert_eq!(seen, [(1, false), (1, true), (0, false)]);
    }

    #[test]
    fn the_most_that_is_told_at_once_fits() {
        let change = Change {
            run: RunId::from_u128(u128::MAX),
            is_end: true,
        };
        assert!(payload(&[change; TOLD_AT_ONCE]).len() < 8000);
    }
}
