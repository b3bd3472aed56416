//! How slowly a client may send a body: one that pauses, or sends drop by drop,
//! ends it.
//!
//! What counts is the time spent waiting for the client, not the time that the
//! server takes to write what came.

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// How slowly a body may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long a client may pause.
    pub pause: Duration,
    /// How much waiting is forgiven before the pace is judged.
    pub grace: Duration,
    /// How many bytes must come in each second of waiting after that, on average.
    pub least_per_s: u64,
}

impl Pace {
    /// Of files: a kilobyte a second, as of those that the server fetches.
    pub const FILE: Self = Self {
        pause: Duration::from_secs(30),
        grace: Duration::from_mins(1),
        least_per_s: 1024,
    };

    /// Of what takes room that others may wait for, so it has to be there sooner.
    pub const IN_MEMORY: Self = Self {
        pause: Duration::from_secs(30),
        grace: Duration::from_secs(30),
        least_per_s: 32 * 1024,
    };

    /// How long the next bytes may be waited for.
    fn patience(self, received: u64, waited: Duration) -> Duration {
        let earned = received.saturating_mul(1000) / self.least_per_s.max(1);
        let allowed = self.grace.saturating_add(Duration::from_millis(earned));
        self.pause.min(allowed.saturating_sub(waited))
    }

    /// What a client did that used up its `patience`.
    fn exceeded(self, received: u64, waited: Duration, patience: Duration) -> TooSlow {
        if patience == self.pause {
            TooSlow::Paused(patience)
        } else {
            TooSlow::Dripped {
                received,
                waited,
                least_per_s: self.least_per_s,
            }
        }
    }
}

/// Why a body is waited for no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooSlow {
    /// Nothing came for so long.
    #[error("nothing arrived for {} s", .0.as_secs_f64())]
    Paused(Duration),
    /// Bytes came all the time, too few of them.
    #[error(
        "{received} bytes in {:.0} s is too slow, {least_per_s} a second are the least",
        .waited.as_secs_f64()
    )]
    Dripped {
        /// How many came.
        received: u64,
        /// How long they were waited for.
        waited: Duration,
        /// How many must come in each second.
        least_per_s: u64,
    },
}

/// A body that is arriving, and how fast it did so far.
#[derive(Debug)]
pub struct Arriving {
    pace: Pace,
    received: u64,
    waited: Duration,
}

impl Arriving {
    /// Begins to watch a body.
    pub const fn at(pace: Pace) -> Self {
        Self {
            pace,
            received: 0,
            waited: Duration::ZERO,
        }
    }

    /// Waits for `next`, which is whatever the transport brings next.
    ///
    /// # Errors
    /// When the client is too slow.
    ///
    /// # Cancel safety
    /// What was waited is forgotten, and `next` is dropped.
    pub async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, TooSlow> {
        let patience = self.pace.patience(self.received, self.waited);
        let begun = Instant::now();
        let came = timeout(patience, next).await;
        self.waited += begun.elapsed();
        came.map_err(|_elapsed| self.pace.exceeded(self.received, self.waited, patience))
    }

    /// Counts bytes that came.
    pub const fn count(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_at_the_least_pace_never_runs_out_of_patience() {
        let pace = Pace::FILE;
        let seconds = Duration::from_secs;
        assert_eq!(pace.patience(0, Duration::ZERO), pace.pause);
        // A kilobyte a second, for a day.
        for waited in [1, 60, 3600, 86_400] {
            assert_eq!(pace.patience(waited * 1024, seconds(waited)), pace.pause);
        }
        // A byte every 29 seconds never pauses for too long, and ends all the same.
        assert_eq!(pace.patience(1, seconds(29)), pace.pause);
        assert_eq!(pace.patience(2, seconds(58)), Duration::from_millis(2001));
        assert_eq!(pace.patience(3, seconds(87)), Duration::ZERO);
        assert_eq!(pace.patience(u64::MAX, Duration::MAX), Duration::ZERO);
        // The largest JSON body has to be there within six minutes.
        let largest = Pace::IN_MEMORY.patience(10 * 1024 * 1024, seconds(351));
        assert_eq!(largest, Duration::ZERO);
    }

    #[test]
    fn who_pauses_and_who_drips_is_told_which() {
        let pace = Pace::IN_MEMORY;
        let seconds = Duration::from_secs;
        let told = |received, waited| {
            let patience = pace.patience(received, waited);
            pace.exceeded(received, waited + patience, patience)
        };
        let paused = told(1024 * 1024, seconds(10));
        assert_eq!(paused, TooSlow::Paused(seconds(30)));
        assert_eq!(paused.to_string(), "nothing arrived for 30 s");
        let dripped = told(100, seconds(25)).to_string();
        let words = "100 bytes in 30 s is too slow, 32768 a second are the least";
        assert_eq!(dripped, words);
        let short = Pace {
            pause: Duration::from_millis(200),
            ..pace
        };
        let paused = short.exceeded(0, short.pause, short.pause);
        assert_eq!(paused.to_string(), "nothing arrived for 0.2 s");
    }

    #[tokio::test]
    async fn who_is_out_of_patience_takes_only_what_is_there() {
        let mut arriving = Arriving::at(Pace {
            grace: Duration::ZERO,
            ..Pace::FILE
        });
        // What the transport has at hand is taken, however late it is.
        assert_eq!(arriving.wait(async { 1 }).await, Ok(1));
        let waiting = arriving.wait(std::future::pending::<()>()).await;
        assert!(waiting.is_err());
    }
}
