//! Background work: one row for each piece that is not done yet.
//!
//! # A job's life
//! A job is `ready` for any worker (a delivery: `deliverable`), or `waiting` until its `due_at`: put off, or
//! in the hands of the worker whose name is beside it, until the lease ends.
//! Claiming makes it wait; a heartbeat moves the end of the lease. What has
//! waited long enough is ready again, so a job whose worker died comes back by
//! itself. Done is deleted, in the transaction that records the outcome, and
//! only while the lease is held: a worker that lost it writes nothing.
//!
//! # Whose turn it is
//! Jobs stand in lanes: one for each model, for the files of each organization, for
//! each receiver, and for each other kind. A claim looks at each lane for itself:
//! what is held up in one keeps no other waiting. Within a lane each flow (an
//! organization, its batches) gets the same share. A job's seat is one behind the last of its flow, and never before the
//! lane's first: so ten thousand jobs of one flow take the seats up to ten
//! thousand, and the first job of another flow is next. That is fair queueing
//! by start times; no flow is passed over for ever, because what comes later
//! sits no further in front than the lane's first.
//!
//! Statements here take no tenant: workers serve all of them, and the payload
//! names the one that it is about.

mod claim;
mod sets;

use runnel_types::{Job, JobId, Queue, Timestamp};
use serde_json::{Value, json};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, changed, one};
use crate::tx::Tx;

#[cfg(test)]
pub(crate) use claim::{IN_HAND, due_statement, lanes_statement, ready_statement};
pub use claim::{Room, Stretch};
pub use sets::Held;

const TABLE: &str = "jobs";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The lane.
    pub lane: &'a str,
    /// The flow within it.
    pub flow: &'a str,
}

/// A job in the hands of the worker that claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The job.
    pub id: JobId,
    /// What to do; a kind that this version does not know is for the worker to
    /// judge: retired, or made by a newer version.
    pub job: Result<Job, UnknownJob>,
    /// How often it was claimed, this time included.
    pub attempt: u32,
    /// Until when it is this worker's.
    pub lease_until: Timestamp,
    /// When it was to be done at first; what has passed since is its delay.
    pub first_due_at: Timestamp,
}

/// A job that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job's kind {kind:?} with payload {payload} is not one that this version knows: {reason}"
)]
pub struct UnknownJob {
    /// Its stored kind.
    pub kind: String,
    /// Its stored payload.
    pub payload: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// How many jobs there are, by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// For any worker to take.
    pub ready: i64,
    /// For any worker to deliver.
    pub deliverable: i64,
    /// In the hands of a worker, which may be dead.
    pub working: i64,
    /// Put off until later.
    pub delayed: i64,
}

/// Counts jobs by where they stand. Index: one of those of each state, of which
/// nothing but the entries is read, except of the few that workers have.
pub(crate) const BACKLOG: &str =
    "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'ready') AS ready,
        (SELECT COUNT(*) FROM jobs WHERE state = 'deliverable') AS deliverable,
        (SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND worker_id IS NOT NULL) AS working,
        (SELECT COUNT(*) FROM jobs WHERE state = 'waiting') AS waiting";

/// Statements on `jobs`.
#[derive(Debug)]
pub struct Jobs<E>(pub(crate) E);

impl<E: Reader> Jobs<E> {
    /// The next time after `now` at which a job becomes due or a lease ends.
    /// What is due already is not counted: it is for a claim to find.
    pub async fn next_due_at(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        // Index: jobs_waiting alone.
        let sql = "SELECT MIN(due_at) AS due_at FROM jobs WHERE state = 'waiting' AND due_at > $1";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().time(now)),
            |row| row.opt_time("due_at"),
        )
        .await
    }

    /// How many jobs wait for a worker at `now`.
    pub async fn count_due(&mut self, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM (
                SELECT id FROM jobs WHERE state = 'ready' AND due_at <= $1
                UNION ALL SELECT id FROM jobs WHERE state = 'deliverable' AND due_at <= $1
                UNION ALL SELECT id FROM jobs WHERE state = 'waiting' AND due_at <= $1
            ) AS due";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().time(now)),
            |row| row.int("n"),
        )
        .await
    }

    /// How much there is to do.
    pub async fn backlog(&mut self) -> Result<Backlog, StoreError> {
        let statement = Statement::new(TABLE, BACKLOG, Args::new());
        one(&mut self.0, statement, |row| {
            let working = row.int("working")?;
            Ok(Backlog {
                ready: row.int("ready")?,
                deliverable: row.int("deliverable")?,
                working,
                delayed: row.int("waiting")? - working,
            })
        })
        .await
    }

    /// How many jobs are not done: due, delayed and in somebody's hands.
    pub async fn count_all(&mut self) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM jobs";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new()),
            |row| row.int("n"),
        )
        .await
    }
}

impl Jobs<&mut Tx> {
    /// Adds a job that is due at `run_at`. The commit wakes the workers.
    pub async fn enqueue(
        &mut self,
        id: JobId,
        job: &Job,
        place: Place<'_>,
        run_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Index: jobs_ready for the lane's first, jobs_by_flow for the flow's last;
        // jobs_deliverable and jobs_deliverable_by_flow for deliveries.
        let ready = ready(job.queue());
        let sql = format!("INSERT INTO jobs (id, kind, payload, priority, due_at, attempts, first_due_at,
                lane, flow, state, seat)
            VALUES ($1, $2, $3, 0, $4, 0, $4, $5, $6,
                CASE WHEN $4 <= $7 THEN '{ready}' ELSE 'waiting' END,
                (SELECT MAX(seat) FROM (
                    SELECT 0 AS seat
                    UNION ALL SELECT (SELECT seat FROM jobs
                        WHERE lane = $5 AND state = '{ready}' ORDER BY seat LIMIT 1)
                    UNION ALL SELECT (SELECT seat + 1 FROM jobs
                        WHERE lane = $5 AND flow = $6 AND state = '{ready}' ORDER BY seat DESC LIMIT 1)
                ) AS seats))");
        let args = Args::new()
            .word(id)
            .word(job.kind())
            .json(&payload(job))
            .time(run_at)
            .text(place.lane)
            .text(place.flow)
            .time(now);
        changed(&mut self.0, Statement::composed(TABLE, sql, args)).await?;
        self.0.note_enqueued();
        Ok(())
    }

    /// Adds a job that there is to be one of, unless it is there. One that waits for
    /// longer is due then too: a clock that was wrong may have put it off for years.
    pub async fn ensure(
        &mut self,
        id: JobId,
        job: &Job,
        run_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO jobs (id, kind, payload, priority, due_at, attempts, first_due_at, lane)
            VALUES ($1, $2, $3, 0, $4, 0, $4, $2)
            ON CONFLICT (id) DO UPDATE SET due_at = $4
                WHERE jobs.state = 'waiting' AND jobs.worker_id IS NULL AND jobs.due_at > $4";
        let args = Args::new()
            .word(id)
            .word(job.kind())
            .json(&payload(job))
            .time(run_at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Keeps a job until `until`; says whether `worker` still had it.
    pub async fn extend_lease(
        &mut self,
        id: JobId,
        worker: &str,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3, state = 'waiting' WHERE id = $1 AND worker_id = $2 RETURNING id";
        let args = Args::new().word(id).text(worker).time(until);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Removes a job that is done; says whether `worker` still had it. When it
    /// says no, drop the transaction: somebody else has the job.
    pub async fn complete(&mut self, id: JobId, worker: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM jobs WHERE id = $1 AND worker_id = $2 RETURNING id";
        let args = Args::new().word(id).text(worker);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Says whether `worker` has the job, and keeps it so until the commit.
    pub async fn hold(&mut self, id: JobId, worker: &str) -> Result<bool, StoreError> {
        let lock = self.0.dialect().for_update();
        let sql = format!("SELECT id FROM jobs WHERE id = $1 AND worker_id = $2{lock}");
        let args = Args::new().word(id).text(worker);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Removes a job that is not to be done any more, whoever has it; says
    /// whether it was there. The commit wakes the workers: the place that it
    /// had in its lane is free.
    pub async fn remove(&mut self, id: JobId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM jobs WHERE id = $1 RETURNING id";
        let args = Args::new().word(id);
        let was_there = changed(&mut self.0, Statement::new(TABLE, sql, args)).await? > 0;
        if was_there {
            self.0.note_enqueued();
        }
        Ok(was_there)
    }

    /// Gives a job back, to be taken again from `at` on; says whether `worker`
    /// still had it. It keeps its seat.
    pub async fn retry_at(
        &mut self,
        id: JobId,
        worker: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3, worker_id = NULL, state = 'waiting'
            WHERE id = $1 AND worker_id = $2
            RETURNING id";
        self.give_back(sql, id, worker, at).await
    }

    /// Has the job of a run that waits in `queued` be due at `now`, if it was put off;
    /// says whether there is such a one. What a worker has in its hands is left alone,
    /// and a pause between attempts of an engine, in which a run is `running`.
    pub async fn hasten(&mut self, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $2
            WHERE id = $1 AND state = 'waiting' AND worker_id IS NULL AND due_at > $2
                AND EXISTS (SELECT 1 FROM runs WHERE runs.id = $1 AND status = 'queued')
            RETURNING id";
        let args = Args::new().word(id).time(now);
        let found = changed(&mut self.0, Statement::new(TABLE, sql, args)).await? > 0;
        if found {
            self.0.note_enqueued();
        }
        Ok(found)
    }

    /// Gives a job back untouched, to be taken again from `at` on: this attempt
    /// does not count. Says whether `worker` still had it.
    pub async fn hand_back(
        &mut self,
        id: JobId,
        worker: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3, worker_id = NULL, state = 'waiting', attempts = attempts - 1
            WHERE id = $1 AND worker_id = $2
            RETURNING id";
        self.give_back(sql, id, worker, at).await
    }

    async fn give_back(
        &mut self,
        sql: &'static str,
        id: JobId,
        worker: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = Args::new().word(id).text(worker).time(at);
        let held = changed(&mut self.0, Statement::new(TABLE, sql, args)).await? > 0;
        if held {
            self.0.note_enqueued();
        }
        Ok(held)
    }
}

/// The state of what a queue's taker may take.
const fn ready(queue: Queue) -> &'static str {
    match queue {
        Queue::Work => "ready",
        Queue::Deliveries => "deliverable",
    }
}

/// The payload alone; the kind has a column of its own.
fn payload(job: &Job) -> Value {
    let mut tagged = serde_json::to_value(job).unwrap_or_default();
    tagged.get_mut("payload").map_or(Value::Null, Value::take)
}

fn decode(row: &Row) -> Result<Claimed, StoreError> {
    let kind: String = row.text("kind")?;
    let payload = row.json("payload")?;
    let job =
        serde_json::from_value(json!({ "kind": kind, "payload": payload })).map_err(|error| {
            UnknownJob {
                kind,
                payload: payload.to_string(),
                reason: error.to_string(),
            }
        });
    Ok(Claimed {
        id: row.word("id")?,
        job,
        attempt: row.number("attempts")?,
        lease_until: row.time("due_at")?,
        first_due_at: row.time("first_due_at")?,
    })
}
