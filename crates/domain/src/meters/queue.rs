//! How much there is to do, as the database tells it.

use std::time::Duration;

use runnel_types::Timestamp;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Services;

/// How long the numbers are good: anybody may ask, and as often as they like.
const FRESH: Duration = Duration::from_secs(5);

/// How long the database may take: whoever asks has other numbers to read.
const PROMPT: Duration = Duration::from_secs(2);

/// When the jobs were counted last. Who comes while they are counted waits.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<Timestamp>>);

impl Services {
    /// Counts the jobs, unless that was done a moment ago. A database that does not
    /// answer leaves no numbers: old ones would look like a queue that stands still.
    ///
    /// # Cancel safety
    /// What nobody waited for is counted again.
    pub(super) async fn count_jobs(&self) {
        let mut last = self.meters.queue.0.lock().await;
        let now = self.now();
        let is_fresh = |at: Timestamp| at <= now && now < at.plus(FRESH);
        if last.is_some_and(is_fresh) {
            return;
        }
        let read = self.store.read();
        let counted = timeout(PROMPT, read.jobs().backlog()).await;
        *last = Some(now);
        let jobs = &self.meters.jobs;
        let Ok(Ok(backlog)) = counted else {
            jobs.clear();
            return;
        };
        for (state, count) in [
            ("ready", backlog.ready),
            ("deliverable", backlog.deliverable),
            ("working", backlog.working),
            ("delayed", backlog.delayed),
        ] {
            jobs.get_or_create(&[("state", state)]).set(count);
        }
    }
}
