//! Claims: from each lane what its model allows and this worker has room for.
//!
//! How many runs of a model may be at work at once is known when a job is claimed,
//! not when it is written: the catalogue may have changed since. What a job keeps
//! busy in this process is its [`Pool`]; a worker that has no room in one takes
//! nothing for it, and another process may.

use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::{Claimed as Row, Held, Room, Stretch};
use runnel_types::{Fault, Job, JobId, Queue, Timestamp};

use super::rooms::{Pool, Rooms};
use super::{FETCHES, by_worker};
use crate::runs::Lease;
use crate::{Services, faults};

/// Lanes of a stretch that are looked at in one claim; the next claim goes on.
const LANES_AT_MOST: usize = 256;

/// Where a worker's next claim goes on, when the last one did not come to the end of
/// the lanes: the name of the lane at which it begins.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    lanes: String,
    /// Among the lanes in which files are fetched.
    fetches: String,
    /// When it claimed last.
    claimed_at: Option<Timestamp>,
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
    /// There are more lanes than one claim looks at, and room for what stands in them:
    /// the next claim goes on.
    pub is_cut: bool,
    /// Room was lacking for what may be there: a job that ends makes some.
    pub is_limited: bool,
}

/// A lane in which somebody stands.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) pool: Pool,
    pub(crate) limit: Option<u32>,
}

/// A claim that is being made, lane by lane.
pub(crate) struct Claiming<'a> {
    pub(crate) queue: Queue,
    pub(crate) claim: Claim<'a>,
    pub(crate) now: Timestamp,
    /// A claim that fails has taken nothing, so this is a copy.
    pub(crate) left: Rooms,
    /// A copy too.
    pub(crate) cursor: Cursor,
    pub(crate) claims: Claims,
}

impl<'a> Claiming<'a> {
    pub(crate) fn new(
        queue: Queue,
        claim: Claim<'a>,
        now: Timestamp,
        (rooms, cursor): (&Rooms, &Cursor),
    ) -> Self {
        Self {
            queue,
            claim,
            now,
            left: rooms.clone(),
            cursor: cursor.clone(),
            claims: Claims::default(),
        }
    }

    /// Makes ready what has waited long enough. After a pause in which leases may have
    /// run out, those that this worker has `in_hand` are renewed first: a clock that
    /// stepped ahead, a database or a machine that stood still is no dead worker, and
    /// this claim may come before its heartbeats.
    pub(crate) async fn wake(
        &mut self,
        tx: &mut Tx,
        in_hand: impl Fn() -> Vec<Lease>,
    ) -> Result<(), Fault> {
        let lease = self.claim.lease;
        let last = self.cursor.claimed_at.replace(self.now);
        if last.is_some_and(|last| last.plus(lease / 4) < self.now) {
            let held = in_hand();
            for (worker, ids) in by_worker(&held) {
                let held = Held { worker, ids: &ids };
                let kept = tx.jobs().extend_leases(held, self.now.plus(lease)).await;
                kept.map_err(faults::store)?;
            }
        }
        tx.jobs().wake(self.now).await.map_err(faults::store)
    }

    /// The lanes of the queue in which somebody stands, from where the last claim
    /// stopped, and whether there are others.
    pub(crate) async fn all_lanes(&mut self, tx: &mut Tx) -> Result<(Vec<String>, bool), Fault> {
        due_lanes(tx, Stretch::all(self.queue), &mut self.cursor.lanes).await
    }

    /// Takes what there is room for of one lane, `at_most` so many.
    pub(crate) async fn take(
        &mut self,
        tx: &mut Tx,
        lane: &Lane,
        at_most: usize,
    ) -> Result<(), Fault> {
        let taking = self.take_since(tx, lane, at_most, None);
        taking.await.map(drop)
    }

    /// The same, with `waited` only of what has been due for so long; says whether
    /// there was room to look.
    pub(crate) async fn take_since(
        &mut self,
        tx: &mut Tx,
        lane: &Lane,
        at_most: usize,
        waited: Option<Duration>,
    ) -> Result<bool, Fault> {
        let room = Room {
            places: self.left.places(lane.pool, &lane.name).min(at_most),
            limit: lane.limit,
            since: waited.map(|waited| self.now.minus(waited)),
        };
        if room.places == 0 {
            self.claims.is_limited = true;
            return Ok(false);
        }
        if lane.limit.is_some()
            && !tx
                .jobs()
                .lock_lane(&lane.name)
                .await
                .map_err(faults::store)?
        {
            self.claims.is_contended = true;
            return Ok(false);
        }
        let worker = self.claim.worker;
        let until = self.now.plus(self.claim.lease);
        let rows = tx
            .jobs()
            .claim(self.queue, &lane.name, room, worker, self.now, until)
            .await
            .map_err(faults::store)?;
        // One with a limit of its own may be full, which an end here changes.
        self.claims.is_limited |= rows.len() == room.places || lane.limit.is_some();
        for row in rows {
            if let Some(job) = known(tx, row, lane, worker).await? {
                self.left.take(lane.pool, &lane.name);
                self.claims.jobs.push(job);
            }
        }
        Ok(true)
    }
}

impl Services {
    /// Takes at most `limit` due jobs for `worker`, whatever they are but deliveries.
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
        let (mut rooms, mut cursor) = (Rooms::any(limit), Cursor::default());
        let claims = self.claim_within(&mut rooms, claim, &mut cursor, Vec::new);
        Ok(claims.await?.jobs)
    }

    /// Takes due jobs, from each lane as many as its model allows and there is
    /// room for, and takes them off `rooms`. Deliveries are not among them. `in_hand`
    /// is asked for the leases that the worker has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_within(
        &self,
        rooms: &mut Rooms,
        claim: Claim<'_>,
        cursor: &mut Cursor,
        in_hand: impl Fn() -> Vec<Lease> + Send,
    ) -> Result<Claims, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the time after the transaction, for which it may have waited: a lease
        // is to last from when it is given.
        let mut claiming = Claiming::new(Queue::Work, claim, self.now(), (rooms, cursor));
        claiming.wake(&mut tx, in_hand).await?;
        self.claim_work(&mut tx, &mut claiming).await?;
        self.claim_fetches(&mut tx, &mut claiming).await?;
        tx.commit().await.map_err(faults::store)?;
        (*rooms, *cursor) = (claiming.left, claiming.cursor);
        Ok(claiming.claims)
    }

    /// Claims all work but the fetching of files.
    async fn claim_work(&self, tx: &mut Tx, claiming: &mut Claiming<'_>) -> Result<(), Fault> {
        let stretch = Stretch::before(claiming.queue, FETCHES);
        let (mut lanes, is_cut) = due_lanes(tx, stretch, &mut claiming.cursor.lanes).await?;
        if !lanes.is_empty() {
            let first = claiming.claim.turn % lanes.len();
            lanes.rotate_left(first);
        }
        for name in lanes {
            let lane = self.lane(name);
            claiming.take(tx, &lane, usize::MAX).await?;
        }
        let pools = [Pool::Cores, Pool::Engines, Pool::Chores];
        claiming.claims.is_cut |= is_cut && claiming.left.has_any(&pools);
        Ok(())
    }

    /// Claims the fetching of files, which has as many lanes as there are organizations
    /// and a pool of its own: they are looked at as long as that has room, and apart,
    /// so that they do not stand before the lanes of models.
    async fn claim_fetches(&self, tx: &mut Tx, claiming: &mut Claiming<'_>) -> Result<(), Fault> {
        let pools = [Pool::Fetches];
        let stretch = Stretch::since(claiming.queue, FETCHES);
        if !claiming.left.has_any(&pools) {
            let first = tx.jobs().lanes(stretch, "", 1).await;
            claiming.claims.is_limited |= !first.map_err(faults::store)?.is_empty();
            return Ok(());
        }
        let (lanes, is_cut) = due_lanes(tx, stretch, &mut claiming.cursor.fetches).await?;
        for name in lanes {
            if !claiming.left.has_any(&pools) {
                // Whoever comes off badly now is first of the next claim.
                claiming.cursor.fetches = name;
                claiming.claims.is_limited = true;
                return Ok(());
            }
            let lane = self.lane(name);
            claiming.take(tx, &lane, usize::MAX).await?;
        }
        claiming.claims.is_cut |= is_cut;
        Ok(())
    }

    /// What the catalogue says of a lane at present. One whose model is gone has
    /// no limit: its runs only have to be told that they cannot be executed.
    fn lane(&self, name: String) -> Lane {
        let (pool, limit) = match self.models.get(&name) {
            Some(entry) if entry.engine.keeps_cores_busy(&name) => {
                (Pool::Cores, entry.spec.concurrency)
            }
            Some(entry) => (Pool::Engines, entry.spec.concurrency),
            None if name.starts_with(FETCHES) => (Pool::Fetches, None),
            None if name.contains('/') => (Pool::Engines, None),
            None => (Pool::Chores, None),
        };
        Lane { name, pool, limit }
    }
}

/// The lanes of a stretch in which somebody stands, from where `cursor` is, and
/// whether there are others; the cursor is then where those begin.
async fn due_lanes(
    tx: &mut Tx,
    stretch: Stretch<'_>,
    cursor: &mut String,
) -> Result<(Vec<String>, bool), Fault> {
    let lanes = tx.jobs().lanes(stretch, cursor, LANES_AT_MOST + 1).await;
    let mut lanes = lanes.map_err(faults::store)?;
    let next = (lanes.len() > LANES_AT_MOST).then(|| lanes.pop()).flatten();
    let is_cut = next.is_some();
    *cursor = next.unwrap_or_default();
    Ok((lanes, is_cut))
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
