//! Removes from the storage what no row names any more.

use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::runs::Lease;
use runnel_types::{Fault, Leftovers};

use crate::dispatch::Outcome;

/// The pause after the first attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_hours(1);

/// The last attempt; it comes after a week.
const LAST: u32 = 180;

pub(crate) async fn handle(
    services: &Services,
    left: &Leftovers,
    lease: &Lease,
) -> Result<Outcome, Fault> {
    let Err(fault) = services.remove_objects(left).await else {
        return Ok(Outcome::Remove);
    };
    if lease.attempt >= LAST {
        tracing::error!(
            job.id = %lease.job_id,
            asset.id = left.asset_id.map(tracing::field::display),
            storage.key = left.key.as_deref(),
            has_pieces = left.progress.is_some(),
            %fault,
            "objects that no row names could not be removed for a week; `runnel doctor --repair` removes what it can list, a rule of the bucket the parts of uploads"
        );
        return Ok(Outcome::Remove);
    }
    let pause = pause(lease.attempt);
    tracing::warn!(
        job.id = %lease.job_id,
        asset.id = left.asset_id.map(tracing::field::display),
        storage.key = left.key.as_deref(),
        attempt = lease.attempt,
        pause_s = pause.as_secs(),
        %fault,
        "objects that no row names could not be removed; it is tried again"
    );
    Ok(Outcome::Again(pause))
}

fn pause(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_last_a_week() {
        assert_eq!(pause(1), FIRST_PAUSE);
        assert_eq!(pause(2), FIRST_PAUSE * 2);
        assert_eq!(pause(LAST), MAX_PAUSE);
        let all: Duration = (1..LAST).map(pause).sum();
        let week = Duration::from_hours(7 * 24);
        assert!(all > week && all < week * 2, "{all:?}");
    }
}
