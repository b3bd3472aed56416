//! The loop: claim what is due, work, wait for more.
//!
//! What may be cancelled where: waiting may be, at any moment; a job is asked
//! to stop through its token and gets time to record what it has. A job whose
//! process dies keeps its row, which the next worker claims when the lease ends.

use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::jobs::Claimed;
use runnel_domain::runs::Lease;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::dispatch;
use crate::lease::{HEARTBEAT, LEASE};

/// How long the loop waits when nothing wakes it. Wake-ups are the rule; this
/// finds leases that ended and what a lost notification would have told.
const POLL: Duration = Duration::from_secs(2);

/// How many jobs wait on the network at once, beside those that compute.
const IN_HAND: usize = 64;

/// What was done on a worker's behalf when it was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Whether every job in hand was finished or handed back in time.
    pub is_clean: bool,
}

/// Works off the queue.
#[derive(Debug, Clone)]
pub struct Worker {
    services: Arc<Services>,
    name: String,
}

impl Worker {
    /// Makes a worker. `name` tells it from every other one, of other
    /// processes too.
    pub fn new(services: Arc<Services>, name: String) -> Self {
        Self { services, name }
    }

    /// Claims and works until `stop`, then gives what is in hand `grace` to end
    /// and hands the rest back.
    pub async fn run(&self, stop: CancellationToken, grace: Duration) -> Drained {
        let mut in_hand = JoinSet::new();
        let abort = CancellationToken::new();
        while !stop.is_cancelled() {
            // Register for the wake-up before looking, so that work committed
            // between the look and the wait is not missed.
            let signal = self.services.job_signal();
            let woken = signal.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let room = IN_HAND.saturating_sub(in_hand.len());
            let claimed = if room > 0 {
                self.claim(room).await
            } else {
                Vec::new()
            };
            if !claimed.is_empty() {
                for job in claimed {
                    in_hand.spawn(work_leased(
                        Arc::clone(&self.services),
                        self.name.clone(),
                        job,
                        abort.clone(),
                    ));
                }
                continue;
            }
            let pause = self
                .services
                .until_next_job()
                .await
                .map_or(POLL, |due| due.min(POLL));
            tokio::select! {
                () = stop.cancelled() => {}
                () = &mut woken => {}
                Some(_) = in_hand.join_next() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let drained = tokio::time::timeout(grace, drain(&mut in_hand))
            .await
            .is_ok();
        abort.cancel();
        let is_clean = drained
            || tokio::time::timeout(Duration::from_secs(3), drain(&mut in_hand))
                .await
                .is_ok();
        Drained { is_clean }
    }

    /// Claims and works until nothing is due at the injected clock's present,
    /// one job after the other; answers with how many were done, those that
    /// come again not counted. For tests, which move the clock instead of waiting.
    pub async fn run_due(&self) -> usize {
        let mut done = 0;
        loop {
            let claimed = self.claim(1).await;
            if claimed.is_empty() {
                return done;
            }
            for job in claimed {
                done += usize::from(!job.job.is_recurring());
                work_leased(
                    Arc::clone(&self.services),
                    self.name.clone(),
                    job,
                    CancellationToken::new(),
                )
                .await;
            }
        }
    }

    async fn claim(&self, limit: usize) -> Vec<Claimed> {
        match self.services.claim_jobs(limit, &self.name, LEASE).await {
            Ok(claimed) => claimed,
            Err(fault) => {
                tracing::error!(%fault, "no jobs could be claimed; trying again");
                Vec::new()
            }
        }
    }
}

async fn drain(in_hand: &mut JoinSet<()>) {
    while in_hand.join_next().await.is_some() {}
}

/// Works on one job while its lease is kept alive; stops when the lease is lost.
async fn work_leased(
    services: Arc<Services>,
    worker: String,
    claimed: Claimed,
    abort: CancellationToken,
) {
    let lease = Lease {
        job_id: claimed.id,
        worker,
        attempt: claimed.attempt,
    };
    let stop = abort.child_token();
    // Side by side: a heartbeat that the work had to wait for could itself wait
    // for a transaction that the work has open, for ever.
    tokio::select! {
        () = dispatch::work(&services, &claimed.job, &lease, &stop) => {}
        () = keep_alive(&services, &lease, &stop) => {}
    }
}

/// Renews a lease for ever; cancels `stop` when it is lost.
async fn keep_alive(services: &Services, lease: &Lease, stop: &CancellationToken) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.tick().await;
    loop {
        heartbeat.tick().await;
        match services.extend_lease(lease, LEASE).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!(job.id = %lease.job_id, "the job was cancelled, or another worker took it; stopping");
                stop.cancel();
                return std::future::pending().await;
            }
            // The database may be away for a moment; the next beat tells.
            Err(fault) => {
                tracing::warn!(job.id = %lease.job_id, %fault, "the lease could not be renewed");
            }
        }
    }
}
