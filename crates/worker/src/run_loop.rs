//! The loop: claim what is due, work, wait for more.
//!
//! What may be cancelled where: waiting may be, at any moment; a job is asked
//! to stop through its token and gets time to record what it has. A job whose
//! process dies keeps its row, which the next worker claims when the lease ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use runnel_domain::Services;
use runnel_domain::jobs::{Claim, Claimed, Claims, Cursor, Pool, Rooms};
use runnel_domain::runs::Lease;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::dispatch;
use crate::lease::{HEARTBEAT, LEASE};
use crate::looks::Looks;
use crate::outage::Outage;

/// How long the loop waits when another worker was claiming of a lane just then; a
/// claim takes a few milliseconds.
const CONTENDED: Duration = Duration::from_millis(20);

/// How much a worker has in hand of each pool. Of what keeps the cores busy one
/// is worked on while the next gets its inputs; what waits for others, or is
/// small, may be many.
const POOLS: [(Pool, usize); 4] = [
    (Pool::Cores, 2),
    (Pool::Engines, 64),
    (Pool::Fetches, 32),
    (Pool::Chores, 8),
];

/// How much of one lane: less than a pool, so that a slow model leaves room for
/// others.
const LANE: usize = 48;

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
    outage: Arc<Outage>,
}

impl Worker {
    /// Makes a worker. `name` tells it from every other one, of other
    /// processes too.
    pub fn new(services: Arc<Services>, name: String) -> Self {
        Self {
            services,
            name,
            outage: Arc::default(),
        }
    }

    /// Claims and works until `stop`, then gives what is in hand `grace` to end
    /// and hands the rest back.
    pub async fn run(&self, stop: CancellationToken, grace: Duration) -> Drained {
        let mut in_hand = InHand::default();
        let abort = CancellationToken::new();
        let mut turn = 0;
        let mut cursor = Cursor::default();
        let mut looks = Looks::default();
        while !stop.is_cancelled() {
            // Register for the wake-up before looking, so that work committed
            // between the look and the wait is not missed.
            let signal = self.services.job_signal();
            let woken = signal.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            in_hand.reap();
            turn += 1;
            let mut rooms = in_hand.rooms.clone();
            let leases = || in_hand.leases();
            let claims = self.claim(&mut rooms, turn, &mut cursor, leases).await;
            in_hand.rooms = rooms;
            let next_look = looks.next(claims.is_cut, !claims.jobs.is_empty());
            for job in claims.jobs {
                let place = Place::of(&job);
                let services = Arc::clone(&self.services);
                in_hand.start(place, work_leased(services, job, abort.clone()));
            }
            let pause = if claims.is_contended {
                CONTENDED
            } else {
                let due = self.services.until_next_job().await;
                due.map_or(next_look, |due| due.min(next_look))
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = &mut woken => {}
                // Only then: a claim for each job that ends would be one for each job.
                () = in_hand.one_ended(), if claims.is_limited => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let drained = tokio::time::timeout(grace, in_hand.all_ended())
            .await
            .is_ok();
        abort.cancel();
        let is_clean = drained
            || tokio::time::timeout(Duration::from_secs(3), in_hand.all_ended())
                .await
                .is_ok();
        Drained { is_clean }
    }

    /// Claims and works until nothing is due at the injected clock's present,
    /// one job after the other; answers with how many were done, those that
    /// come again not counted. For tests, which move the clock instead of waiting.
    pub async fn run_due(&self) -> usize {
        let (mut done, mut cursor) = (0, Cursor::default());
        loop {
            let mut rooms = Rooms::any(1);
            let claims = self.claim(&mut rooms, 0, &mut cursor, Vec::new).await;
            let claimed = claims.jobs;
            if claimed.is_empty() {
                return done;
            }
            for job in claimed {
                done += usize::from(!job.job.is_recurring());
                let services = Arc::clone(&self.services);
                Box::pin(work_leased(services, job, CancellationToken::new())).await;
            }
        }
    }

    async fn claim(
        &self,
        rooms: &mut Rooms,
        turn: usize,
        cursor: &mut Cursor,
        in_hand: impl Fn() -> Vec<Lease> + Send,
    ) -> Claims {
        // A name for each claim: a job whose lease ended and that this worker
        // takes again is another's for whatever is still at work on it here.
        let worker = format!("{}/{turn}", self.name);
        let claim = Claim {
            worker: &worker,
            lease: LEASE,
            turn,
        };
        let claiming = self.services.claim_within(rooms, claim, cursor, in_hand);
        self.outage.claimed("jobs", claiming.await)
    }
}

/// The jobs that a worker has in hand, and the room that is left beside them.
struct InHand {
    rooms: Rooms,
    tasks: JoinSet<()>,
    /// What each task keeps busy; a task that panicked tells no more than its id.
    places: HashMap<task::Id, Place>,
}

/// What a job in hand keeps busy, and by which lease it is held.
struct Place {
    pool: Pool,
    lane: String,
    lease: Lease,
}

impl Place {
    fn of(job: &Claimed) -> Self {
        Self {
            pool: job.pool,
            lane: job.lane.clone(),
            lease: lease_of(job),
        }
    }
}

fn lease_of(job: &Claimed) -> Lease {
    Lease {
        job_id: job.id,
        worker: job.worker.clone(),
        attempt: job.attempt,
    }
}

impl Default for InHand {
    fn default() -> Self {
        Self {
            // Servers that drip leave room for the files of others, however many they are.
            rooms: Rooms::of(POOLS, LANE)
                .leaving_room(Pool::Fetches, 3)
                // What is removed from a store that is silent leaves room, too.
                .leaving_room(Pool::Chores, 2),
            tasks: JoinSet::new(),
            places: HashMap::new(),
        }
    }
}

impl InHand {
    fn start(&mut self, place: Place, working: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(working).id();
        self.places.insert(id, place);
    }

    /// Makes room for what has ended.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(&ended);
        }
    }

    /// Waits until a job ends; for ever when there is none.
    async fn one_ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.ended(&ended),
            None => std::future::pending().await,
        }
    }

    async fn all_ended(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(&ended);
        }
    }

    fn ended(&mut self, ended: &Result<(task::Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        if let Some(place) = self.places.remove(&id) {
            self.rooms.give_back(place.pool, &place.lane);
        }
    }

    fn leases(&self) -> Vec<Lease> {
        let places = self.places.values();
        places.map(|place| place.lease.clone()).collect()
    }
}

/// Works on one job while its lease is kept alive; stops when the lease is lost.
async fn work_leased(services: Arc<Services>, claimed: Claimed, abort: CancellationToken) {
    let lease = lease_of(&claimed);
    let stop = abort.child_token();
    // Side by side: a heartbeat that the work had to wait for could itself wait
    // for a transaction that the work has open, for ever.
    tokio::select! {
        () = dispatch::work(&services, &claimed.job, claimed.pool, &lease, &stop) => {}
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
