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

    /// Also raises the signal when another process enqueues, from now until the
    /// store is closed or its last clone is dropped. On SQLite, which has no such
    /// notifications, it does nothing. A second call does nothing either.
    pub fn listen(&self) {
        if self.0.dialect != Dialect::Postgres || self.0.listener.get().is_some() {
            return;
        }
        let Ok(url) = self.0.url.for_driver() else {
            return;
        };
        let task = tokio::spawn(relay(url, Arc::clone(&self.0.signal))).abort_handle();
        if let Err(second) = self.0.listener.set(task) {
            second.abort();
        }
    }
}

/// Turns notifications into signals for ever.
async fn relay(url: String, signal: Arc<Notify>) {
    loop {
        if let Err(error) = listen_until_lost(&url, &signal).await {
            tracing::warn!(
                error = error.to_string(),
                retry_s = PAUSE.as_secs(),
                "other processes' jobs are not heard of at once, because listening to the database failed"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_until_lost(url: &str, signal: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // What was notified while nobody listened is lost, so look once now.
        signal.notify_waiters();
        while listener.try_recv().await?.is_some() {
            signal.notify_waiters();
        }
    }
}
