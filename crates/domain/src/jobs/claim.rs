//! Claims: from each lane what its model allows and this worker has room for.
//!
//! How many runs of a model may be at work at once is known when a job is claimed,
//! not when it is written: the catalogue may have changed since. What a job keeps
//! busy in this process is its [`Pool`]; a worker that has no room in one takes
//! nothing for it, and another process may.

use std::collections::HashMap;
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::{Claimed as Row, Room};
use runnel_types::{Fault, Job, JobId};

use crate::{Services, faults};

/// What a job keeps busy while it is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The cores: a model that runs in this process.
    Cores,
    /// An engine elsewhere, which is waited for.
    Engines,
    /// Receivers of callbacks.
    Callbacks,
    /// Whatever else there is to do.
    Chores,
}

/// How much a worker has room for. Who claims takes from it, and gives back when
/// a job has ended.
#[derive(Debug, Clone)]
pub struct Rooms {
    in_all: usize,
    pools: HashMap<Pool, usize>,
    /// The most of one lane in a pool, so that a slow model leaves room for others.
    lane: usize,
    in_hand: HashMap<String, usize>,
}

impl Rooms {
    /// Room for so many jobs, whatever they are.
    pub fn any(places: usize) -> Self {
        Self {
            in_all: places,
            pools: HashMap::new(),
            lane: usize::MAX,
            in_hand: HashMap::new(),
        }
    }

    /// Room for so many of each pool, and of them at most `lane` of one lane.
    pub fn of(pools: impl IntoIterator<Item = (Pool, usize)>, lane: usize) -> Self {
        Self {
            in_all: usize::MAX,
            pools: pools.into_iter().collect(),
            lane,
            in_hand: HashMap::new(),
        }
    }

    fn places(&self, pool: Pool, lane: &str) -> usize {
        let in_hand = self.in_hand.get(lane).copied().unwrap_or(0);
        let pool = self.pools.get(&pool).copied().unwrap_or(usize::MAX);
        self.in_all.min(pool).min(self.lane.saturating_sub(in_hand))
    }

    fn take(&mut self, pool: Pool, lane: &str) {
        self.in_all = self.in_all.saturating_sub(1);
        if let Some(free) = self.pools.get_mut(&pool) {
            *free = free.saturating_sub(1);
        }
        match self.in_hand.get_mut(lane) {
            Some(in_hand) => *in_hand += 1,
            None => {
                self.in_hand.insert(lane.to_owned(), 1);
            }
        }
    }

    /// Gives back the place of a job that has ended.
    pub fn give_back(&mut self, pool: Pool, lane: &str) {
        self.in_all = self.in_all.saturating_add(1);
        if let Some(free) = self.pools.get_mut(&pool) {
            *free += 1;
        }
        if let Some(in_hand) = self.in_hand.get_mut(lane) {
            *in_hand -= 1;
            if *in_hand == 0 {
                self.in_hand.remove(lane);
            }
        }
    }
}

/// A job that this worker holds until its lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The job's row.
    pub id: JobId,
    /// What is to be done.
    pub job: Job,
    /// How often it was taken, this time included.
    pub attempt: u32,
    /// By which name it is held.
    pub worker: String,
    /// Where it stood.
    pub lane: String,
    /// What it keeps busy.
    pub pool: Pool,
}

/// Who claims, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The worker's name; no other one has it, in other processes neither.
    pub worker: &'a str,
    /// How long the jobs are its own.
    pub lease: Duration,
    /// Another number each time, so that the lanes that share a pool take turns
    /// in being first.
    pub turn: usize,
}

/// What a claim has brought.
#[derive(Debug, Default)]
pub struct Claims {
    /// The jobs.
    pub jobs: Vec<Claimed>,
    /// Another worker was claiming of a lane with a limit just then, so that it
    /// was passed over: there may be more in a moment.
    pub is_contended: bool,
    /// Room was lacking for what may be there: a job that ends makes some.
    pub is_limited: bool,
}

/// A lane in which somebody stands.
struct Lane {
    name: String,
    pool: Pool,
    limit: Option<u32>,
}

impl Services {
    /// Takes at most `limit` due jobs for `worker`, whatever they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_jobs(
        &self,
        limit: usize,
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<Claimed>, Fault> {
        let claim = Claim {
            worker,
            lease,
            turn: 0,
        };
        let claims = self.claim_within(&mut Rooms::any(limit), claim).await?;
        Ok(claims.jobs)
    }

    /// Takes due jobs, from each lane as many as its model allows and there is
    /// room for, and takes them off `rooms`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_within(&self, rooms: &mut Rooms, claim: Claim<'_>) -> Result<Claims, Fault> {
        let now = self.now();
        let until = now.plus(claim.lease);
        // A claim that fails has taken nothing.
        let mut left = rooms.clone();
        let mut claims = Claims::default();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        tx.jobs().wake(now).await.map_err(faults::store)?;
        let mut lanes = tx.jobs().lanes().await.map_err(faults::store)?;
        if !lanes.is_empty() {
            let first = claim.turn % lanes.len();
            lanes.rotate_left(first);
        }
        for name in lanes {
            let lane = self.lane(name);
            let room = Room {
                places: left.places(lane.pool, &lane.name),
                limit: lane.limit,
            };
            if room.places == 0 {
                claims.is_limited = true;
                continue;
            }
            if lane.limit.is_some()
                && !tx
                    .jobs()
                    .lock_lane(&lane.name)
                    .await
                    .map_err(faults::store)?
            {
                claims.is_contended = true;
                continue;
            }
            let rows = tx
                .jobs()
                .claim(&lane.name, room, claim.worker, now, until)
                .await
                .map_err(faults::store)?;
            // One with a limit of its own may be full, which an end here changes.
            claims.is_limited |= rows.len() == room.places || lane.limit.is_some();
            for row in rows {
                if let Some(job) = known(&mut tx, row, &lane, claim.worker).await? {
                    left.take(lane.pool, &lane.name);
                    claims.jobs.push(job);
                }
            }
        }
        tx.commit().await.map_err(faults::store)?;
        *rooms = left;
        Ok(claims)
    }

    /// What the catalogue says of a lane at present. One whose model is gone has
    /// no limit: its runs only have to be told that they cannot be executed.
    fn lane(&self, name: String) -> Lane {
        let (pool, limit) = match self.models.get(&name) {
            Some(entry) if entry.engine.keeps_cores_busy(&name) => {
                (Pool::Cores, entry.spec.concurrency)
            }
            Some(entry) => (Pool::Engines, entry.spec.concurrency),
            None if name == Job::ATTEMPT_DELIVERY => (Pool::Callbacks, None),
            None if name.contains('/') => (Pool::Engines, None),
            None => (Pool::Chores, None),
        };
        Lane { name, pool, limit }
    }
}

/// The job of a row; a kind that this version does not know goes.
async fn known(tx: &mut Tx, row: Row, lane: &Lane, worker: &str) -> Result<Option<Claimed>, Fault> {
    match row.job {
        Ok(job) => Ok(Some(Claimed {
            id: row.id,
            job,
            attempt: row.attempt,
            worker: worker.to_owned(),
            lane: lane.name.clone(),
            pool: lane.pool,
        })),
        Err(error) => {
            tracing::error!(job.id = %row.id, %error, "dropped a job that this version does not know");
            tx.jobs()
                .complete(row.id, worker)
                .await
                .map_err(faults::store)?;
            Ok(None)
        }
    }
}
