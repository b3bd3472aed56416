//! Wake-ups: workers hear of a job the moment it is committed.
//!
//! A commit that enqueued raises the signal of this process and, on PostgreSQL,
//! notifies the others, whose [`Store::listen`] raises theirs. Signals get lost
//! (a process dies, a connection breaks), so they only save waiting: the row is
//! the truth, and a worker also looks at it from time to time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use crate::Store;
use crate::dialect::Dialect;
use crate::run_signal::{self, Change, RunSignals};

/// The channel's name never changes: old and new processes share it.
const CHANNEL: &str = "runnel_jobs";
/// Tells the other processes, when the transaction commits.
pub(crate) const NOTIFY: &str = "NOTIFY runnel_jobs";
/// Between attempts to listen again.
const PAUSE: Duration = Duration::from_secs(1);

impl Store {
    /// Wakes all who wait whenever jobs may have become due.
    ///
    /// Register before looking, so that a job committed between the look and
    /// the wait is not missed:
    /// ```ignore
    /// let woken = signal.notified();
    /// tokio::pin!(woken);
    /// woken.as_mut().enable();
    /// if claim().await?.is_empty() {
    ///     woken.await; // or a timer, whichever is first
    /// }
    /// ```
    pub fn job_signal(&self) -> Arc<Notify> {
        Arc::clone(&self.0.signal)
    }

    pub(crate) fn raise(&self) {
        self.0.signal.notify_waiters();
    }

    /// Wakes those who watch the runs that a commit has changed.
    pub(crate) fn raise_runs(&self, changes: &[Change]) {
        for change in changes {
            self.0.run_signals.wake(*change);
            if self.dialect() == Dialect::Postgres {
                self.0.run_signals.tell(*change);
            }
        }
    }

    /// Also raises the signals when another process enqueues or changes runs,
    /// and tells the others of this one's changes, from now until the store is
    /// closed or its last clone is dropped. On SQLite, which has no such
    /// notifications, it does nothing. A second call does nothing either.
    pub fn listen(&self) {
        if self.dialect() != Dialect::Postgres || self.0.listener.get().is_some() {
            return;
        }
        let Some(url) = self.0.url.server().cloned() else {
            return;
        };
        let Some(unsent) = self.0.run_signals.take_unsent() else {
            return;
        };
        let signals = Signals {
            jobs: Arc::clone(&self.0.signal),
            runs: Arc::clone(&self.0.run_signals),
        };
        let hearing = tokio::spawn(relay(url, signals)).abort_handle();
        let telling = tokio::spawn(run_signal::tell_others(self.read(), unsent)).abort_handle();
        // Whoever has the unsent changes is the first and only one here.
        let _ = self.0.listener.set([hearing, telling]);
    }
}

/// What notifications are turned into.
struct Signals {
    jobs: Arc<Notify>,
    runs: Arc<RunSignals>,
}

/// Turns notifications into signals for ever.
async fn relay(url: String, signals: Signals) {
    loop {
        if let Err(error) = listen_until_lost(&url, &signals).await {
            tracing::warn!(
                error = error.to_string(),
                retry_s = PAUSE.as_secs(),
                "other processes' jobs and runs are not heard of at once, because listening to the database failed"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_until_lost(url: &str, signals: &Signals) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen_all([CHANNEL, run_signal::CHANNEL]).await?;
    loop {
        // What was notified while nobody listened is lost, so look once now.
        signals.jobs.notify_waiters();
        signals.runs.wake_all();
        while let Some(told) = listener.try_recv().await? {
            match told.channel() {
                CHANNEL => signals.jobs.notify_waiters(),
                _ => signals.runs.wake_told(told.payload()),
            }
        }
    }
}
