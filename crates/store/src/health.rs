//! Whether the database can be used, as far as this process knows.
//!
//! A look asks the database for an answer. That says nothing of writes: a disk
//! that is full is read as ever. So after a write has failed, a look also
//! writes, until that works again; nobody else may be left to find it out,
//! since a server that says it is not ready gets no requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Store;
use crate::connect::Engine;
use crate::error::StoreError;
use crate::reader;

/// How long a look may take: whoever asks for it asks several times a minute,
/// and waits no longer.
const PROMPT: Duration = Duration::from_secs(2);
/// How long an answer is good: anybody may ask, and as often as they like.
const FRESH: Duration = Duration::from_secs(1);
/// How much is written to try it: more than any request writes to the database.
/// A disk with room for a page alone is full for all of them.
const PROBE_BYTES: usize = 64 * 1024;

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// A write has failed, and none of a look has worked since.
    is_doubtful: AtomicBool,
    /// The last look found something wrong.
    is_ill: AtomicBool,
    written: Answer,
}

impl Health {
    /// Hears of a write that failed. A row that is not as it should be says
    /// nothing of the database.
    pub(crate) fn doubt(&self, error: &StoreError) {
        if matches!(
            error,
            StoreError::Unavailable { .. } | StoreError::Other { .. }
        ) {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
    }

    /// Logs what has changed since the last look, and that alone: a look may
    /// come every second.
    fn note(&self, found: &Result<(), StoreError>) {
        let was_ill = self.is_ill.swap(found.is_err(), Ordering::Relaxed);
        match found {
            Err(error) if !was_ill => {
                tracing::error!(
                    error = error.with_causes(),
                    "the database cannot be used; the server is not ready until it can"
                );
            }
            Ok(()) if was_ill => tracing::info!("the database can be used again"),
            _ => {}
        }
    }
}

impl Store {
    /// Asks whether the database answers and, after a write has failed, whether
    /// it can be written; in two seconds. What has changed is logged.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not, or what is in the way of a
    /// write.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let look = async {
            self.answers().await?;
            if self.0.health.is_doubtful.load(Ordering::Relaxed) {
                self.0.health.written.recent_or(self.try_write()).await?;
                self.0.health.is_doubtful.store(false, Ordering::Relaxed);
            }
            Ok(())
        };
        let found = timeout(PROMPT, Box::pin(look)).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", PROMPT.as_secs());
            Err(StoreError::unavailable("looking at it", reason))
        });
        self.0.health.note(&found);
        found
    }

    async fn answers(&self) -> Result<(), StoreError> {
        match &*self.0.engine {
            Engine::Sqlite { .. } => reader::ping(&mut &self.read()).await,
            Engine::Postgres(pool) => pool.ping().await,
        }
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        let [one, other] = ["-", "+"].map(|letter| letter.repeat(PROBE_BYTES));
        let mut tx = self.begin().await?;
        tx.settings().alternate("write_probe", &one, &other).await?;
        tx.commit().await
    }
}

/// An answer that is asked for once a second at most, however many want it.
#[derive(Debug, Default)]
pub(crate) struct Answer(Mutex<Option<(Instant, Result<(), StoreError>)>>);

impl Answer {
    /// The answer of a moment ago, or that of `ask`.
    ///
    /// # Cancel safety
    /// An answer that nobody waited for is asked for again.
    pub(crate) async fn recent_or(
        &self,
        ask: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = ask.await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
