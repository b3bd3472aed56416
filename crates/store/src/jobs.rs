//! Background work: one row for each piece that is not done yet.
//!
//! # A job's life
//! `due_at` says when a worker may take the row. Claiming moves it to the end
//! of the lease and writes the worker's name beside it; a heartbeat moves it
//! further. So a job whose worker died is due again by itself, and one column
//! answers both "not yet" and "somebody has it". Done is deleted, in the
//! transaction that records the outcome, and only while the lease is held: a
//! worker that lost it writes nothing.
//!
//! Statements here take no tenant: workers serve all of them, and the payload
//! names the one that it is about.

use runnel_types::{Job, JobId, Timestamp};
use serde_json::{Value, json};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, one};
use crate::tx::Tx;

const TABLE: &str = "jobs";

/// For what has time until nothing else is due: sweeps, purges.
pub const LOW: i64 = -1;
/// For what somebody waits for.
pub const NORMAL: i64 = 0;
/// For what must not stand behind a backlog.
pub const HIGH: i64 = 1;

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

/// Statements on `jobs`.
#[derive(Debug)]
pub struct Jobs<E>(pub(crate) E);

impl<E: Reader> Jobs<E> {
    /// The next time after `now` at which a job becomes due or a lease ends.
    /// What is due already is not counted: it is for a claim to find.
    pub async fn next_due_at(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        // One branch for each priority, so that each is one step in jobs_by_due.
        let sql = "SELECT MIN(due_at) AS due_at FROM (
                SELECT MIN(due_at) AS due_at FROM jobs WHERE priority = 1 AND due_at > $1
                UNION ALL SELECT MIN(due_at) FROM jobs WHERE priority = 0 AND due_at > $1
                UNION ALL SELECT MIN(due_at) FROM jobs WHERE priority = -1 AND due_at > $1
            ) AS soonest";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().time(now)),
            |row| row.opt_time("due_at"),
        )
        .await
    }

    /// How many jobs wait for a worker at `now`.
    pub async fn count_due(&mut self, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM jobs WHERE priority IN (-1, 0, 1) AND due_at <= $1";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().time(now)),
            |row| row.int("n"),
        )
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
    ///
    /// `priority` is [`LOW`], [`NORMAL`] or [`HIGH`]; what lies beyond counts as
    /// the nearest of them.
    pub async fn enqueue(
        &mut self,
        id: JobId,
        job: &Job,
        run_at: Timestamp,
        priority: i64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO jobs (id, kind, payload, priority, due_at, attempts, first_due_at)
            VALUES ($1, $2, $3, $4, $5, 0, $5)";
        let args = Args::new()
            .word(id)
            .word(job.kind())
            .json(&payload(job))
            .int(priority.clamp(LOW, HIGH))
            .time(run_at);
        changed(&mut self.0, Statement::new(TABLE, sql, args)).await?;
        self.0.note_enqueued();
        Ok(())
    }

    /// Adds a job that there is to be one of, unless it is there.
    pub async fn ensure(
        &mut self,
        id: JobId,
        job: &Job,
        run_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO jobs (id, kind, payload, priority, due_at, attempts, first_due_at)
            VALUES ($1, $2, $3, $4, $5, 0, $5)
            ON CONFLICT (id) DO NOTHING";
        let args = Args::new()
            .word(id)
            .word(job.kind())
            .json(&payload(job))
            .int(LOW)
            .time(run_at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Takes up to `limit` due jobs for `worker` until `lease_until`: highest
    /// priority first, then the one due longest. No other worker gets them in
    /// that time. An expired lease is due like any other job.
    ///
    /// `worker` must be another one for each process, so that a lease that was
    /// lost is known as lost.
    pub async fn claim(
        &mut self,
        limit: usize,
        worker: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        let sql = claim_statement(self.0.dialect().for_update_skip_locked());
        let args = Args::new()
            .time(now)
            .int(i64::try_from(limit).unwrap_or(i64::MAX))
            .text(worker)
            .time(lease_until);
        let decode = |row: &Row| Ok((row.int("priority")?, decode(row)?));
        let mut claimed = all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await?;
        // RETURNING has no order of its own, and the old due_at is overwritten;
        // ids ascend with time and are as good.
        claimed.sort_by_key(|(priority, claimed)| (-priority, claimed.first_due_at, claimed.id));
        Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
    }

    /// Keeps a job until `until`; says whether `worker` still had it.
    pub async fn extend_lease(
        &mut self,
        id: JobId,
        worker: &str,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3 WHERE id = $1 AND worker_id = $2 RETURNING id";
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
    /// whether it was there.
    pub async fn remove(&mut self, id: JobId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM jobs WHERE id = $1 RETURNING id";
        changed(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(id)),
        )
        .await
        .map(|rows| rows > 0)
    }

    /// Gives a job back, to be taken again from `at` on; says whether `worker`
    /// still had it.
    pub async fn retry_at(
        &mut self,
        id: JobId,
        worker: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3, worker_id = NULL WHERE id = $1 AND worker_id = $2 RETURNING id";
        self.give_back(sql, id, worker, at).await
    }

    /// Gives a job back untouched, to be taken again from `at` on: this attempt
    /// does not count. Says whether `worker` still had it.
    pub async fn hand_back(
        &mut self,
        id: JobId,
        worker: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET due_at = $3, worker_id = NULL, attempts = attempts - 1
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

/// The ids of due jobs in the order of claims: for each priority a range of
/// `jobs_by_due`, so that jobs that are not due cost nothing, whatever their
/// number, and neither do those behind the limit.
pub(crate) fn due_statement(lock: &str) -> String {
    let of_priority = |priority: i64| {
        let name = priority - LOW;
        format!(
            "SELECT * FROM (
                SELECT id, priority, due_at FROM jobs
                WHERE priority = {priority} AND due_at <= $1
                ORDER BY due_at, id
                LIMIT $2{lock}
            ) AS due_{name}"
        )
    };
    let due = [HIGH, NORMAL, LOW].map(of_priority).join(" UNION ALL ");
    format!("SELECT id FROM ({due}) AS due ORDER BY priority DESC, due_at, id LIMIT $2")
}

fn claim_statement(lock: &str) -> String {
    format!(
        "UPDATE jobs SET worker_id = $3, due_at = $4, attempts = attempts + 1
        WHERE id IN ({due})
        RETURNING id, kind, payload, priority, due_at, attempts, first_due_at",
        due = due_statement(lock)
    )
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
