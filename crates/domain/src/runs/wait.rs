//! Waits for a run's end, for a request that prefers to be answered then.

use std::time::Duration;

use runnel_types::Run;
use tokio::time::{Instant, sleep, sleep_until};

use super::POLL;
use crate::Services;

impl Services {
    /// The run as it is when it ends, or when `limit` has passed, or when the
    /// server stops, whichever is first. The run was accepted: nothing that goes
    /// wrong here is told.
    ///
    /// # Cancel safety
    /// Nothing is left behind when the future is dropped.
    pub async fn wait_for_end(&self, run: Run, limit: Duration) -> Run {
        let deadline = Instant::now() + limit;
        let mut watch = self.store.watch_run(run.id);
        let mut run = run;
        // Looked at once more when the time is over: it may be another one by then.
        let mut is_last = false;
        loop {
            match self.read_run(run.org_id, run.id).await {
                Ok(now) => run = now,
                Err(fault) => {
                    tracing::warn!(run.id = %run.id, %fault, "a run that is waited for could not be read");
                }
            }
            if run.status.is_terminal() {
                return run;
            }
            if is_last {
                return run;
            }
            is_last = tokio::select! {
                () = watch.ended() => false,
                // Another process may have ended it without our hearing of it.
                () = sleep(POLL) => false,
                () = sleep_until(deadline) => true,
                () = self.stopping.cancelled() => true,
            };
        }
    }
}
