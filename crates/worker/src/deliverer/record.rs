//! The recorder: writes what has ended, all of it in one commit.

use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::deliveries::Finished;
use tokio::sync::mpsc::Receiver;

use super::hand::Ticket;

/// Attempts recorded in one commit at most.
const BUNCH: usize = 128;
/// How long is waited for others to end when few have: the receivers have theirs, and
/// a commit costs the same for one and for many.
const LINGER: Duration = Duration::from_millis(4);

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
        if let Err(fault) = services.record_attempts(finished).await {
            tracing::error!(
                %fault,
                attempts = tickets.len(),
                "attempts could not be recorded; they are made again when their leases end"
            );
        }
    }
}
