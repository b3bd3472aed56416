//! How many requests an organization may make a minute.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runnel_types::{OrgId, Timestamp};

/// The time over which requests are counted, in nanoseconds: a share of it is
/// exact enough for a million of them.
const WINDOW: i64 = 60_000_000_000;

/// From how many organizations on those that have their whole allowance are
/// forgotten.
const REMEMBERED: usize = 1024;

/// Counts the requests of organizations; this process's alone.
///
/// An organization that was quiet for a minute may make as many at once as a
/// minute allows; each comes back in its share of a minute. There is no moment
/// at which all of them come back, for clients to wait for together. This is the
/// generic cell rate algorithm: one instant for each organization says all, namely
/// when it has its whole allowance again.
#[derive(Debug, Default)]
pub struct Rates {
    limit: Option<NonZeroU32>,
    whole_at: Mutex<HashMap<OrgId, i64>>,
}

/// What an organization may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// When all of `limit` may follow at once.
    pub whole_at: Timestamp,
    /// After how long the next one may, when this one may not; rounded up to
    /// seconds.
    pub wait: Option<Duration>,
}

impl Rates {
    /// At most `limit` requests a minute from each organization; without one, any
    /// number.
    pub fn new(limit: Option<NonZeroU32>) -> Self {
        Self {
            limit,
            whole_at: Mutex::default(),
        }
    }

    /// Whether there is a limit.
    pub const fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Counts a request of `org`; `None` when there is no limit. What may not be
    /// done is not counted: whoever asks too often waits no longer for it.
    pub fn count(&self, org: OrgId, now: Timestamp) -> Option<Allowance> {
        let limit = self.limit?.get();
        let share = (WINDOW / i64::from(limit)).max(1);
        let now = now.as_micros().saturating_mul(1000);
        // A map is whole after every call on it, so a panic spoils nothing.
        let mut known = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(&org) {
            known.retain(|_, whole_at| *whole_at > now);
        }
        // A clock that was set back must not make anybody wait for longer.
        let used = known
            .get(&org)
            .map_or(0, |whole_at| (whole_at - now).clamp(0, WINDOW));
        let late = used + share - WINDOW;
        let (used, wait) = if late > 0 {
            (used, Some(seconds(late)))
        } else {
            (used + share, None)
        };
        known.insert(org, now + used);
        let remaining = u32::try_from((WINDOW - used) / share).unwrap_or(limit);
        Some(Allowance {
            limit,
            remaining: remaining.min(limit),
            whole_at: Timestamp::from_micros((now + used) / 1000),
            wait,
        })
    }
}

fn seconds(nanos: i64) -> Duration {
    Duration::from_secs(nanos.unsigned_abs().div_ceil(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: OrgId = OrgId::from_u128(1);
    const B: OrgId = OrgId::from_u128(2);
    const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn rates(limit: u32) -> Rates {
        Rates::new(NonZeroU32::new(limit))
    }

    fn after(millis: u64) -> Timestamp {
        START.plus(Duration::from_millis(millis))
    }

    /// How many of `asked` requests at `now` may be done.
    fn done(rates: &Rates, asked: usize, now: Timestamp) -> usize {
        (0..asked)
            .filter(|_| rates.count(A, now).is_some_and(|is| is.wait.is_none()))
            .count()
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let rates = Rates::new(None);
        assert_eq!(rates.count(A, START), None);
        assert!(rates.whole_at.lock().unwrap().is_empty());
    }

    #[test]
    fn each_request_comes_back_in_its_share_of_a_minute() {
        let rates = rates(3);
        let told = |now| {
            let is = rates.count(A, now).unwrap();
            (
                is.remaining,
                is.whole_at.millis_since(START) / 1000,
                is.wait.map(|wait| wait.as_secs()),
            )
        };
        assert_eq!(told(START), (2, 20, None));
        assert_eq!(told(START), (1, 40, None));
        assert_eq!(told(after(500)), (0, 60, None));
        assert_eq!(told(after(500)), (0, 60, Some(20)));
        assert_eq!(told(after(19_999)), (0, 60, Some(1)));
        assert_eq!(told(after(20_000)), (0, 80, None));
        assert_eq!(told(after(600_000)), (2, 620, None));
        assert_eq!(rates.count(B, after(600_000)).unwrap().remaining, 2);
    }

    #[test]
    fn a_limit_is_exact_whatever_it_is() {
        for limit in [1, 7, 60, 999, 1_000_000] {
            let rates = rates(limit);
            let most = usize::try_from(limit).unwrap();
            assert_eq!(done(&rates, most + 5, START), most, "{limit}");
            assert_eq!(done(&rates, most + 5, after(60_000)), most, "{limit}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_lets_nobody_wait_longer() {
        let rates = rates(2);
        done(&rates, 2, after(86_400_000));
        let told = rates.count(A, START).unwrap();
        assert_eq!(told.wait, Some(Duration::from_secs(30)));
    }

    #[test]
    fn the_quiet_are_forgotten() {
        let rates = rates(60);
        for number in 0..u128::try_from(REMEMBERED).unwrap() {
            rates.count(OrgId::from_u128(number + 10), START);
        }
        rates.count(A, after(999));
        assert_eq!(rates.whole_at.lock().unwrap().len(), REMEMBERED + 1);
        rates.count(B, after(1000));
        assert_eq!(rates.whole_at.lock().unwrap().len(), 2);
    }
}
