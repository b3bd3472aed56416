//! Signs of life of a connection: requests at work, and answers that are sent.
//!
//! What the client sends is none of them. Whoever only sends pings, or takes no
//! byte of what it asked for, could otherwise stay for ever. Nor is what the
//! protocol asks of an answer's body before it can be sent: an answer in one
//! piece would show life once, however long its client takes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The life of one connection.
#[derive(Debug)]
pub(crate) struct Life(Mutex<Signs>);

#[derive(Debug)]
struct Signs {
    at_work: usize,
    last: Instant,
}

impl Life {
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Signs {
            at_work: 0,
            last: Instant::now(),
        })))
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sign of life.
    pub(crate) fn sign(&self) {
        self.signs().last = Instant::now();
    }

    /// A request that is at work until this is dropped.
    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.signs().at_work += 1;
        AtWork(Arc::clone(self))
    }

    /// Returns when there has been no sign of life for `time`.
    pub(crate) async fn end(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let over = {
                let signs = self.signs();
                let last = if signs.at_work > 0 { now } else { signs.last };
                last + time
            };
            if over <= now {
                return;
            }
            sleep_until(over).await;
        }
    }
}

/// A request at work.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Life>);

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut signs = self.0.signs();
        signs.at_work -= 1;
        signs.last = Instant::now();
    }
}
