//! The recorder: writes what has ended, all of it in one commit.

use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::deliveries::Finished;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::hand::Ticket;

/// Attempts recorded in one commit at most.
const BUNCH: usize = 128;
/// How long is waited for others to end when few have: the receivers have theirs, and
/// a commit costs the same for one and for many.
const LINGER: Duration = Duration::from_millis(4);
/// How long until a bunch is tried again that could not be recorded; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// For how long it is tried.
const PATIENCE: Duration = Duration::from_mins(1);

/// Records until nobody sends any more.
pub(super) async fn run(services: Arc<Services>, mut ended: Receiver<(Finished, Ticket)>) {
    let mut bunch = Vec::with_capacity(BUNCH);
    while ended.recv_many(&mut bunch, BUNCH).await > 0 {
        if bunch.len() < BUNCH {
            tokio::time::sleep(LINGER).await;
            while bunch.len() < BUNCH
                && let Ok(one) = ended.try_recv()
            {
                bunch.push(one);
            }
        }
        let (finished, tickets): (Vec<Finished>, Vec<Ticket>) = bunch.drain(..).unzip();
        record(&services, &finished).await;
        drop(tickets);
    }
}

/// Records a bunch, again and again when the database is away: the receivers have
/// theirs, and would get them twice.
async fn record(services: &Services, finished: &[Finished]) {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    while let Err(fault) = services.record_attempts(finished).await {
        let attempts = finished.len();
        // Leases end sooner while they cannot be renewed. As long as nobody else has
        // taken the deliveries, the record counts all the same.
        if begun.elapsed() >= PATIENCE {
            tracing::error!(
                %fault,
                attempts,
                "attempts could not be recorded; they are made again"
            );
            return;
        }
        tracing::warn!(%fault, attempts, ?pause, "attempts could not be recorded; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
