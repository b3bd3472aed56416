//! How much there is to do, as the database tells it.

use std::time::Duration;

use runnel_types::Timestamp;
use tokio::sync::Mutex;

use crate::Services;

/// How long the numbers are good: anybody may ask, and as often as they like.
const FRESH: Duration = Duration::from_secs(5);

/// When the jobs were counted last. Who comes while they are counted waits.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<Timestamp>>);

impl Services {
    /// Counts the jobs, unless that was done a moment ago. A database that does not
    /// answer leaves no numbers: old ones would look like a queue that stands still.
    pub(super) async fn count_jobs(&self) {
        let mut last = self.meters.queue.0.lock().await;
        let now = self.now();
        let is_fresh = |at: Timestamp| at <= now && now < at.plus(FRESH);
        if last.is_some_and(is_fresh) {
            return;
        }
        *last = Some(now);
        let jobs = &self.meters.jobs;
        let Ok(backlog) = self.store.read().jobs().backlog().await else {
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
