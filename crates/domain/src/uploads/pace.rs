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

    /// Of what is kept in memory until it is whole, so it has to be there sooner.
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
    /// In words, when the client is too slow.
    ///
    /// # Cancel safety
    /// What was waited is forgotten, and `next` is dropped.
    pub async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, String> {
        let patience = self.pace.patience(self.received, self.waited);
        let begun = Instant::now();
        let came = timeout(patience, next).await;
        self.waited += begun.elapsed();
        came.map_err(|_| {
            if patience == self.pace.pause {
                format!("nothing arrived for {} s", patience.as_secs_f64())
            } else {
                format!(
                    "{} bytes in {:.0} s is too slow, {} a second are the least",
                    self.received,
                    self.waited.as_secs_f64(),
                    self.pace.least_per_s
                )
            }
        })
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

    #[tokio::test]
    async fn who_pauses_and_who_drips_is_told_which() {
        let quick = Pace {
            pause: Duration::from_millis(200),
            grace: Duration::ZERO,
            least_per_s: 1000,
        };
        let mut arriving = Arriving::at(quick);
        // What the transport has at hand is taken, however late it is.
        assert_eq!(arriving.wait(async { 1 }).await, Ok(1));
        arriving.count(1000);
        let paused = arriving.wait(std::future::pending::<()>()).await;
        assert_eq!(paused.unwrap_err(), "nothing arrived for 0.2 s");
        let mut arriving = Arriving::at(quick);
        arriving.count(10);
        let dripped = arriving.wait(std::future::pending::<()>()).await;
        let told = dripped.unwrap_err();
        assert!(told.starts_with("10 bytes in 0 s is too slow"), "{told}");
    }
}
