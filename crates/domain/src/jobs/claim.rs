//! Claims: from each lane what its model allows and this worker has room for.
//!
//! How many runs of a model may be at work at once is known when a job is claimed,
//! not when it is written: the catalogue may have changed since. What a job keeps
//! busy in this process is its [`Pool`]; a worker that has no room in one takes
//! nothing for it, and another process may.

use std::collections::HashMap;
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::{Claimed as Row, LANES_AT_MOST, Room};
use runnel_types::{Fault, Job, JobId, Queue, Timestamp};

use super::FETCHES;
use crate::{Services, faults};

/// What a job keeps busy while it is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The cores: a model that runs in this process.
    Cores,
    /// An engine elsewhere, which is waited for.
    Engines,
    /// The servers that inputs name by URL, which are waited for before an engine
    /// has anything to do.
    Fetches,
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
    /// The most of one lane in some pools.
    shares: HashMap<Pool, usize>,
    /// A lane may have no more than a part of what its pool has free.
    leaves_room: bool,
    in_hand: HashMap<String, usize>,
    /// Where the last claim stopped that did not come to the end of the lanes.
    from: String,
}

impl Rooms {
    /// Room for so many jobs, whatever they are.
    pub fn any(places: usize) -> Self {
        Self {
            in_all: places,
            pools: HashMap::new(),
            lane: usize::MAX,
            shares: HashMap::new(),
            leaves_room: false,
            in_hand: HashMap::new(),
            from: String::new(),
        }
    }

    /// Room for so many of each pool, and of them at most `lane` of one lane.
    pub fn of(pools: impl IntoIterator<Item = (Pool, usize)>, lane: usize) -> Self {
        Self {
            in_all: usize::MAX,
            pools: pools.into_iter().collect(),
            lane,
            shares: HashMap::new(),
            leaves_room: false,
            in_hand: HashMap::new(),
            from: String::new(),
        }
    }

    /// The same, but no lane may have more than a quarter of what its pool has free,
    /// one apart: a few that are slow take a pool between them otherwise.
    #[must_use]
    pub fn leaving_room(self) -> Self {
        Self {
            leaves_room: true,
            ..self
        }
    }

    /// The same, but of `pool` at most `share` for each lane.
    #[must_use]
    pub fn sharing(mut self, pool: Pool, share: usize) -> Self {
        self.shares.insert(pool, share);
        self
    }

    /// How many jobs of a lane are in hand.
    pub(crate) fn in_hand(&self, lane: &str) -> usize {
        self.in_hand.get(lane).copied().unwrap_or(0)
    }

    fn places(&self, pool: Pool, lane: &str) -> usize {
        let in_hand = self.in_hand(lane);
        let share = self.shares.get(&pool).copied().unwrap_or(usize::MAX);
        let of_lane = self.lane.min(share);
        let mut pool = self.pools.get(&pool).copied().unwrap_or(usize::MAX);
        if self.leaves_room {
            let part = (pool / 4).saturating_sub(in_hand);
            pool = pool.min(part.max(usize::from(in_hand == 0)));
        }
        self.in_all.min(pool).min(of_lane.saturating_sub(in_hand))
    }

    /// Takes the place of a job.
    pub fn take(&mut self, pool: Pool, lane: &str) {
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
    /// was passed over, or there are more lanes than one claim looks at: there may
    /// be more in a moment.
    pub is_contended: bool,
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
    pub(crate) claims: Claims,
}

impl<'a> Claiming<'a> {
    pub(crate) fn new(queue: Queue, claim: Claim<'a>, now: Timestamp, rooms: &Rooms) -> Self {
        Self {
            queue,
            claim,
            now,
            left: rooms.clone(),
            claims: Claims::default(),
        }
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
        let claims = self.claim_within(&mut Rooms::any(limit), claim).await?;
        Ok(claims.jobs)
    }

    /// Takes due jobs, from each lane as many as its model allows and there is
    /// room for, and takes them off `rooms`. Deliveries are not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_within(&self, rooms: &mut Rooms, claim: Claim<'_>) -> Result<Claims, Fault> {
        let mut claiming = Claiming::new(Queue::Work, claim, self.now(), rooms);
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let mut lanes = due_lanes(&mut tx, &claiming, &rooms.from).await?;
        // There may be as many lanes as organizations: the next claim goes on.
        let is_cut = lanes.len() == LANES_AT_MOST;
        claiming.left.from = lanes.last().filter(|_| is_cut).cloned().unwrap_or_default();
        claiming.claims.is_contended = is_cut;
        if !lanes.is_empty() {
            let first = claim.turn % lanes.len();
            lanes.rotate_left(first);
        }
        for name in lanes {
            let lane = self.lane(name);
            claiming.take(&mut tx, &lane, usize::MAX).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        *rooms = claiming.left;
        Ok(claiming.claims)
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

/// Makes ready what has waited long enough, and tells the lanes in which somebody
/// stands, those from `from` on first.
pub(crate) async fn due_lanes(
    tx: &mut Tx,
    claiming: &Claiming<'_>,
    from: &str,
) -> Result<Vec<String>, Fault> {
    tx.jobs().wake(claiming.now).await.map_err(faults::store)?;
    tx.jobs()
        .lanes(claiming.queue, from)
        .await
        .map_err(faults::store)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_lanes_leave_a_part_for_whoever_comes() {
        let mut rooms = Rooms::of([(Pool::Callbacks, 1024)], 128).leaving_room();
        let greedy: Vec<String> = (0..25).map(|number| format!("slow {number}")).collect();
        for _ in 0..20 {
            for lane in &greedy {
                for _ in 0..rooms.places(Pool::Callbacks, lane) {
                    rooms.take(Pool::Callbacks, lane);
                }
            }
        }
        assert!(rooms.in_hand("slow 24") > 0, "each has some");
        assert!(rooms.places(Pool::Callbacks, "new") > 0);
        // What ends is not taken again by those that have more than their part.
        for _ in 0..64 {
            rooms.give_back(Pool::Callbacks, "slow 0");
        }
        assert_eq!(rooms.places(Pool::Callbacks, "slow 0"), 0);
        assert!(rooms.places(Pool::Callbacks, "new") > 10);
    }

    #[test]
    fn of_a_shared_pool_one_lane_has_its_part() {
        let pools = [(Pool::Fetches, 4), (Pool::Engines, 4)];
        let mut rooms = Rooms::of(pools, 48).sharing(Pool::Fetches, 2);
        assert_eq!(rooms.places(Pool::Engines, "a"), 4);
        for _ in 0..2 {
            rooms.take(Pool::Fetches, "a");
        }
        let places = ["a", "b"].map(|lane| rooms.places(Pool::Fetches, lane));
        assert_eq!(places, [0, 2]);
        rooms.give_back(Pool::Fetches, "a");
        assert_eq!(rooms.places(Pool::Fetches, "a"), 1);
    }

    #[test]
    fn one_lane_alone_has_its_limit() {
        let mut rooms = Rooms::of([(Pool::Callbacks, 512)], 128).leaving_room();
        assert_eq!(rooms.places(Pool::Callbacks, "a"), 128);
        for _ in 0..128 {
            rooms.take(Pool::Callbacks, "a");
        }
        assert_eq!(rooms.places(Pool::Callbacks, "a"), 0);
        let mut last = Rooms::of([(Pool::Callbacks, 1)], 128).leaving_room();
        assert_eq!(last.places(Pool::Callbacks, "a"), 1);
        last.take(Pool::Callbacks, "a");
        assert_eq!(last.places(Pool::Callbacks, "b"), 0);
    }
}
