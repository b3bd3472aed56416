//! Runs. A terminal status never changes: every update names the statuses that
//! it starts from.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{
    BatchId, BatchPlace, OrgId, Page, Run, RunFailure, RunId, RunStatus, Timestamp,
};
use serde_json::Value;

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;
use crate::webhooks::{Written, has_webhooks};

const TABLE: &str = "runs";
const MILLION: f64 = 1_000_000.0;

macro_rules! columns {
    () => {
        "id, org_id, model_id, model, model_version, status, source, input, output, failure_code, \
         failure_stage, failure_message, progress_millionths, client_ref, request_id, created_by, \
         created_at, started_at, completed_at, callback_url, metadata, log_lines, batch_id, batch_index"
    };
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The terminal status.
    pub status: RunStatus,
    /// What it made.
    pub output: Option<Value>,
    /// Why it failed.
    pub failure: Option<RunFailure>,
    /// When it ended.
    pub at: Timestamp,
}

/// The runs of an organization.
pub(crate) fn rows(org: OrgId) -> Rows {
    Rows::of(org, TABLE, columns!(), "org_id = $1")
}

/// The runs of a batch.
pub(crate) fn items(org: OrgId, batch: BatchId) -> Rows {
    Rows {
        visible: "org_id = $1 AND batch_id = $2",
        args: Args::new().word(org).word(batch),
        arg_count: 2,
        ..rows(org)
    }
}

/// As much of a run as tells whether there is something new of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pulse {
    /// Where it stands.
    pub status: RunStatus,
    /// How far it is.
    pub progress: Option<f64>,
    /// Lines of its log, which is also the sequence of the last one.
    pub log_lines: i64,
}

/// Statements on `runs`.
#[derive(Debug)]
pub struct Runs<E>(pub(crate) E);

impl<E: Reader> Runs<E> {
    /// The run.
    pub async fn get(&mut self, org: OrgId, id: RunId) -> Result<Option<Run>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM runs WHERE org_id = $1 AND id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// What is new of the run, without its input and output.
    pub async fn pulse(&mut self, org: OrgId, id: RunId) -> Result<Option<Pulse>, StoreError> {
        let sql =
            "SELECT status, progress_millionths, log_lines FROM runs WHERE org_id = $1 AND id = $2";
        let decode = |row: &Row| {
            Ok(Pulse {
                status: row.word("status")?,
                progress: progress(row)?,
                log_lines: row.int("log_lines")?,
            })
        };
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// A page of the organization's runs.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<Run, Place>, StoreError> {
        query::list(&mut self.0, rows(org), request, decode).await
    }

    /// A page of a batch's runs.
    pub async fn list_items(
        &mut self,
        org: OrgId,
        batch: BatchId,
        request: &ListRequest,
    ) -> Result<Page<Run, Place>, StoreError> {
        query::list(&mut self.0, items(org, batch), request, decode).await
    }

    /// Every run of a batch, in the order of its items.
    pub async fn list_batch(&mut self, org: OrgId, batch: BatchId) -> Result<Vec<Run>, StoreError> {
        // Index: runs_by_batch, whose order this is.
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM runs WHERE org_id = $1 AND batch_id = $2 ORDER BY created_at, id"
        );
        let args = Args::new().word(org).word(batch);
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// How many runs the organization has in each status that occurs.
    pub async fn count_by_status(
        &mut self,
        org: OrgId,
    ) -> Result<Vec<(RunStatus, i64)>, StoreError> {
        // Index: runs_by_status_age alone.
        let sql = "SELECT status, COUNT(*) AS n FROM runs WHERE org_id = $1 GROUP BY status ORDER BY status";
        let decode = |row: &Row| Ok((row.word("status")?, row.int("n")?));
        all(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org)),
            decode,
        )
        .await
    }
}

impl Runs<&mut Tx> {
    /// Adds a run, without log lines.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken.
    pub async fn insert(&mut self, run: &Run) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO runs (", columns!(), ")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, 0, $22, $23)"
        );
        let failure = run.failure.as_ref();
        let args = Args::new()
            .word(run.id)
            .word(run.org_id)
            .word(run.model_id)
            .text(&run.model)
            .text(&run.model_version)
            .word(run.status)
            .word(run.source)
            .json(&run.input)
            .opt_json(run.output.as_ref())
            .opt_word(failure.map(|failure| failure.code))
            .opt_word(failure.map(|failure| failure.stage))
            .opt_text(failure.map(|failure| failure.message.as_str()))
            .opt_int(run.progress.map(millionths))
            .opt_text(run.client_ref.as_deref())
            .opt_word(run.request_id)
            .opt_word(run.created_by)
            .time(run.created_at)
            .opt_time(run.started_at)
            .opt_time(run.completed_at)
            .opt_text(run.callback_url.as_deref())
            .opt_json(run.metadata.as_ref())
            .opt_word(run.batch.map(|place| place.id))
            .opt_int(run.batch.map(|place| i64::from(place.index)));
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Keeps every other transaction from changing the run until this one ends;
    /// says whether there is such a run.
    pub async fn lock(&mut self, org: OrgId, id: RunId) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT id FROM runs WHERE org_id = $1 AND id = $2{}",
            self.0.dialect().for_no_key_update()
        );
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// The runs of a batch that have not ended, in the order of its items; none
    /// of them changes until this transaction ends.
    pub async fn lock_open_of_batch(
        &mut self,
        org: OrgId,
        batch: BatchId,
    ) -> Result<Vec<Run>, StoreError> {
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM runs
                WHERE org_id = $1 AND batch_id = $2 AND status IN ('queued', 'running')
                ORDER BY created_at, id{}"
            ),
            self.0.dialect().for_no_key_update()
        );
        let args = Args::new().word(org).word(batch);
        all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await
    }

    /// Marks a run as running, from the first time on, with nothing done yet.
    /// `None` when there is no such run, or it has ended.
    pub async fn mark_running(
        &mut self,
        org: OrgId,
        id: RunId,
        at: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let sql = concat!(
            "UPDATE runs SET
                status = 'running',
                started_at = COALESCE(started_at, $3),
                progress_millionths = NULL
            WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        let running = optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await?;
        if running.is_some() {
            self.0.note_changed(id, false);
        }
        Ok(running)
    }

    /// Puts a running run back among those that wait, as if it had not started;
    /// says whether it was running.
    pub async fn mark_queued(&mut self, org: OrgId, id: RunId) -> Result<bool, StoreError> {
        let sql = "UPDATE runs SET status = 'queued', started_at = NULL, progress_millionths = NULL
            WHERE org_id = $1 AND id = $2 AND status = 'running'
            RETURNING id";
        let args = Args::new().word(org).word(id);
        self.change(sql, args, id).await
    }

    /// Puts another input in the place of a run's, once what it names is kept here;
    /// says whether there is such a run that has not ended.
    pub async fn record_input(
        &mut self,
        org: OrgId,
        id: RunId,
        input: &Value,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE runs SET input = $3
            WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')
            RETURNING id";
        let args = Args::new().word(org).word(id).json(input);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Records how far a running run is, from 0 to 1, unless it is further
    /// already; says whether it was recorded.
    pub async fn record_progress(
        &mut self,
        org: OrgId,
        id: RunId,
        progress: f64,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE runs SET progress_millionths = $3
            WHERE org_id = $1 AND id = $2 AND status = 'running'
                AND COALESCE(progress_millionths, -1) < $3
            RETURNING id";
        let args = Args::new().word(org).word(id).int(millionths(progress));
        self.change(sql, args, id).await
    }

    async fn change(
        &mut self,
        sql: &'static str,
        args: Args,
        id: RunId,
    ) -> Result<bool, StoreError> {
        let is_changed = changed(&mut self.0, Statement::new(TABLE, sql, args)).await? > 0;
        if is_changed {
            self.0.note_changed(id, false);
        }
        Ok(is_changed)
    }

    /// Ends a run; one that told how far it was and succeeded is all done. `None`
    /// when there is no such run, or it had ended before: a late result is dropped.
    pub async fn finish(
        &mut self,
        org: OrgId,
        id: RunId,
        outcome: &Outcome,
    ) -> Result<Option<Written<Run>>, StoreError> {
        let sql = concat!(
            "UPDATE runs SET
                status = $3,
                output = $4,
                failure_code = $5,
                failure_stage = $6,
                failure_message = $7,
                completed_at = $8,
                progress_millionths = CASE
                    WHEN $3 = 'succeeded' AND progress_millionths IS NOT NULL THEN 1000000
                    ELSE progress_millionths
                END
            WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')
            RETURNING ",
            columns!(),
            ", ",
            has_webhooks!("$1")
        );
        let failure = outcome.failure.as_ref();
        let args = Args::new()
            .word(org)
            .word(id)
            .word(outcome.status)
            .opt_json(outcome.output.as_ref())
            .opt_word(failure.map(|failure| failure.code))
            .opt_word(failure.map(|failure| failure.stage))
            .opt_text(failure.map(|failure| failure.message.as_str()))
            .time(outcome.at);
        let decode = |row: &Row| Written::decode(row, decode);
        let ended = optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await?;
        if ended.is_some() {
            self.0.note_changed(id, true);
        }
        Ok(ended)
    }
}

/// A fraction as it is stored: exact on both engines. NaN counts as nothing done.
fn millionths(fraction: f64) -> i64 {
    (fraction.clamp(0.0, 1.0) * MILLION).round() as i64
}

fn progress(row: &Row) -> Result<Option<f64>, StoreError> {
    let stored = row.opt_int("progress_millionths")?;
    Ok(stored.map(|millionths| millionths as f64 / MILLION))
}

fn decode(row: &Row) -> Result<Run, StoreError> {
    let failure = match row.opt_word("failure_code")? {
        Some(code) => Some(RunFailure {
            code,
            stage: row.word("failure_stage")?,
            message: row.text("failure_message")?,
        }),
        None => None,
    };
    let batch = match row.opt_word("batch_id")? {
        Some(id) => Some(BatchPlace {
            id,
            index: row.number("batch_index")?,
        }),
        None => None,
    };
    Ok(Run {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        model_id: row.word("model_id")?,
        model: row.text("model")?,
        model_version: row.text("model_version")?,
        status: row.word("status")?,
        source: row.word("source")?,
        input: row.json("input")?,
        output: row.opt_json("output")?,
        failure,
        progress: progress(row)?,
        batch,
        client_ref: row.opt_text("client_ref")?,
        request_id: row.opt_word("request_id")?,
        created_by: row.opt_word("created_by")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        completed_at: row.opt_time("completed_at")?,
        callback_url: row.opt_text("callback_url")?,
        metadata: row.opt_json("metadata")?,
        has_logs: row.int("log_lines")? > 0,
    })
}
