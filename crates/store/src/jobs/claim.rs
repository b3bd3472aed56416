//! Claims: what has waited long enough is ready again, and a worker takes from
//! each lane what it has room for.
//!
//! A claim is three kinds of statements in one transaction: [`Jobs::wake`],
//! [`Jobs::lanes`], and [`Jobs::claim`] for each lane of a [`Queue`]. A lane with a limit is
//! locked for as long as the transaction lasts, so that two claims at once do not
//! both count what is free and both take it; claims of other lanes go on. On
//! SQLite, where one transaction writes at a time, there is nothing to lock.

use runnel_types::{Job, Queue, Timestamp};

use super::{Claimed, Jobs, TABLE, decode, ready};
use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, one};
use crate::tx::Tx;

/// Jobs made ready in one claim; the next claim goes on.
const WAKE_AT_MOST: i64 = 256;

/// How much of a lane a worker may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many jobs the worker has room for.
    pub places: usize,
    /// How many of the lane may be in hand at once, all processes counted.
    pub limit: Option<u32>,
    /// Only what has been due since then or longer.
    pub since: Option<Timestamp>,
}

/// What sorts behind every name of a lane.
const BEHIND_ALL: &str = "\u{10ffff}";

/// Lanes that stand side by side in the order of their names, which is that of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    queue: Queue,
    begin: &'a str,
    end: &'a str,
}

impl<'a> Stretch<'a> {
    /// All lanes of a queue.
    pub const fn all(queue: Queue) -> Self {
        Self {
            queue,
            begin: "",
            end: BEHIND_ALL,
        }
    }

    /// Those before `end`.
    pub const fn before(queue: Queue, end: &'a str) -> Self {
        Self {
            queue,
            begin: "",
            end,
        }
    }

    /// Those from `begin` on.
    pub const fn since(queue: Queue, begin: &'a str) -> Self {
        Self {
            queue,
            begin,
            end: BEHIND_ALL,
        }
    }
}

/// The lanes from `$1` on and before `$2` in which somebody stands, `$3` at most. It
/// steps from one lane to the next in an index, so that it costs as many steps as
/// there are lanes, however many jobs stand in them. Index: `jobs_ready` or
/// `jobs_deliverable`.
pub(crate) fn lanes_statement(queue: Queue) -> String {
    let ready = ready(queue);
    format!(
        "WITH RECURSIVE steps (lane) AS (
            SELECT MIN(lane) FROM jobs WHERE state = '{ready}' AND lane >= $1 AND lane < $2
            UNION ALL
            SELECT (SELECT MIN(lane) FROM jobs
                WHERE state = '{ready}' AND lane > steps.lane AND lane < $2)
            FROM steps WHERE steps.lane IS NOT NULL
        )
        SELECT lane FROM steps WHERE lane IS NOT NULL LIMIT $3"
    )
}

/// Index: `jobs_in_hand`.
pub(crate) const IN_HAND: &str = "SELECT COUNT(*) AS n FROM jobs
    WHERE state = 'waiting' AND worker_id IS NOT NULL AND lane = $1 AND due_at > $2";

impl<E: Reader> Jobs<E> {
    /// Lanes in which somebody stands, `most` of them: those from `from` on, then
    /// those before it.
    pub async fn lanes(
        &mut self,
        stretch: Stretch<'_>,
        from: &str,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = from.max(stretch.begin);
        let mut lanes = self
            .lanes_between(stretch.queue, (from, stretch.end), most)
            .await?;
        if from > stretch.begin && lanes.len() < most {
            let before = (stretch.begin, from);
            let most = most - lanes.len();
            lanes.extend(self.lanes_between(stretch.queue, before, most).await?);
        }
        Ok(lanes)
    }

    async fn lanes_between(
        &mut self,
        queue: Queue,
        (begin, end): (&str, &str),
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let args = Args::new().text(begin).text(end).int(most);
        let statement = Statement::composed(TABLE, lanes_statement(queue), args);
        all(&mut self.0, statement, |row| row.text("lane")).await
    }
}

impl Jobs<&mut Tx> {
    /// Makes ready what has waited until `now`: what was put off, and what a
    /// worker had whose lease has ended.
    pub async fn wake(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let due = due_statement(self.0.dialect().for_update_skip_locked());
        let sql = format!(
            "WITH due AS MATERIALIZED ({due})
            UPDATE jobs SET state = CASE kind WHEN '{delivery}' THEN '{deliverable}' ELSE '{ready}' END
            WHERE state = 'waiting' AND id IN (SELECT id FROM due)",
            delivery = Job::ATTEMPT_DELIVERY,
            deliverable = ready(Queue::Deliveries),
            ready = ready(Queue::Work),
        );
        let args = Args::new().time(now).int(WAKE_AT_MOST);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Holds a lane with a limit against claims of others until the commit; says
    /// whether it could. Nobody waits here: who holds the lane takes what is free.
    pub async fn lock_lane(&mut self, lane: &str) -> Result<bool, StoreError> {
        let Some(sql) = self.0.dialect().lock_lane() else {
            return Ok(true);
        };
        let args = Args::new().text(lane);
        one(&mut self.0, Statement::new(TABLE, sql, args), |row| {
            Ok(row.int("held")? == 1)
        })
        .await
    }

    /// Takes ready jobs of a lane for `worker` until `lease_until`, the lowest
    /// seats first. No other worker gets them in that time. A lane with a limit
    /// must have been locked.
    ///
    /// `worker` must be another one for each process, so that a lease that was
    /// lost is known as lost.
    pub async fn claim(
        &mut self,
        queue: Queue,
        lane: &str,
        room: Room,
        worker: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut places = i64::try_from(room.places).unwrap_or(i64::MAX);
        if let Some(limit) = room.limit {
            places = places.min(i64::from(limit) - self.in_hand(lane, now).await?);
        }
        if places <= 0 {
            return Ok(Vec::new());
        }
        let lock = self.0.dialect().for_update_skip_locked();
        let chosen = match room.since {
            Some(_) => waiting_statement(queue, lock),
            None => ready_statement(queue, lock),
        };
        let sql = claim_statement(&chosen);
        let args = Args::new()
            .text(lane)
            .time(room.since.unwrap_or(now))
            .int(places)
            .text(worker)
            .time(lease_until);
        let decode = |row: &Row| Ok((row.int("seat")?, decode(row)?));
        let mut claimed = all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await?;
        // RETURNING has no order of its own.
        claimed.sort_by_key(|(seat, claimed)| (*seat, claimed.id));
        Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
    }

    /// How many jobs of a lane workers have in hand; one whose lease has ended
    /// has given its place free.
    async fn in_hand(&mut self, lane: &str, now: Timestamp) -> Result<i64, StoreError> {
        let args = Args::new().text(lane).time(now);
        one(&mut self.0, Statement::new(TABLE, IN_HAND, args), |row| {
            row.int("n")
        })
        .await
    }
}

/// The ids of jobs that have waited long enough. Index: `jobs_waiting`, so that jobs
/// that are not due cost nothing, whatever their number.
pub(crate) fn due_statement(lock: &str) -> String {
    format!(
        "SELECT id FROM jobs WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2{lock}"
    )
}

/// The ids of the lane `$1` in the order of their seats. Index: `jobs_ready` or
/// `jobs_deliverable`. The time is asked for because the release before makes nothing
/// wait when it takes it; but what was never put off is ready by any clock, also by
/// one that has stepped back.
pub(crate) fn ready_statement(queue: Queue, lock: &str) -> String {
    standing(queue, "(due_at <= $2 OR due_at = first_due_at)", lock)
}

/// Those that have been due since `$2` or longer.
fn waiting_statement(queue: Queue, lock: &str) -> String {
    standing(queue, "due_at <= $2", lock)
}

fn standing(queue: Queue, since: &str, lock: &str) -> String {
    let ready = ready(queue);
    format!(
        "SELECT id FROM jobs WHERE state = '{ready}' AND lane = $1 AND {since}
        ORDER BY seat, id LIMIT $3{lock}"
    )
}

/// Materialized, because PostgreSQL may work out a part of a statement again for each
/// row that it is compared with, and each time skip what it has locked: more would be
/// taken than there is room for.
fn claim_statement(chosen: &str) -> String {
    format!(
        "WITH chosen AS MATERIALIZED ({chosen})
        UPDATE jobs SET state = 'waiting', worker_id = $4, due_at = $5, attempts = attempts + 1
        WHERE id IN (SELECT id FROM chosen)
        RETURNING id, kind, payload, due_at, attempts, first_due_at, seat"
    )
}
