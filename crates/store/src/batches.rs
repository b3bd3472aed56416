//! Batches. Their items are rows of `runs`, which has the statements on them.
//!
//! The counts are written in the transactions that end items. The row is locked
//! by the first of them to get there until its commit, so of two that end the
//! last two items at once the second sees all of them ended. Whoever locks runs
//! too does so before: whatever ends a run holds its row already.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{
    Batch, BatchId, BatchStatus, ItemCounts, OrgId, Page, RunFailure, RunStatus, Timestamp,
};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, changed, optional};
use crate::tx::Tx;
use crate::webhooks::{Written, has_webhooks};

const TABLE: &str = "batches";

macro_rules! columns {
    () => {
        "id, org_id, model_id, model, status, source, items_total, items_succeeded, items_failed, \
         items_cancelled, failure_code, failure_stage, failure_message, request_id, created_by, \
         created_at, started_at, completed_at, callback_url, metadata"
    };
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The terminal status.
    pub status: BatchStatus,
    /// Why it failed.
    pub failure: Option<RunFailure>,
    /// When it ended.
    pub at: Timestamp,
}

/// The batches of an organization.
pub(crate) fn rows(org: OrgId) -> Rows {
    Rows::of(org, TABLE, columns!(), "org_id = $1")
}

/// Statements on `batches`.
#[derive(Debug)]
pub struct Batches<E>(pub(crate) E);

impl<E: Reader> Batches<E> {
    /// The batch.
    pub async fn get(&mut self, org: OrgId, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM batches WHERE org_id = $1 AND id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// A page of the organization's batches.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<Batch, Place>, StoreError> {
        query::list(&mut self.0, rows(org), request, decode).await
    }
}

impl Batches<&mut Tx> {
    /// Adds a batch.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken.
    pub async fn insert(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO batches (",
            columns!(),
            ")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        );
        let failure = batch.failure.as_ref();
        let args = Args::new()
            .word(batch.id)
            .word(batch.org_id)
            .word(batch.model_id)
            .text(&batch.model)
            .word(batch.status)
            .word(batch.source)
            .int(i64::from(batch.items_total))
            .int(i64::from(batch.counts.succeeded))
            .int(i64::from(batch.counts.failed))
            .int(i64::from(batch.counts.canceled))
            .opt_word(failure.map(|failure| failure.code))
            .opt_word(failure.map(|failure| failure.stage))
            .opt_text(failure.map(|failure| failure.message.as_str()))
            .opt_word(batch.request_id)
            .opt_word(batch.created_by)
            .time(batch.created_at)
            .opt_time(batch.started_at)
            .opt_time(batch.completed_at)
            .opt_text(batch.callback_url.as_deref())
            .opt_json(batch.metadata.as_ref());
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Keeps every other transaction from changing the batch until this one
    /// ends; says whether there is such a batch.
    pub async fn lock(&mut self, org: OrgId, id: BatchId) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT id FROM batches WHERE org_id = $1 AND id = $2{}",
            self.0.dialect().for_no_key_update()
        );
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Marks a batch as running when the first of its items is begun; says
    /// whether this was the first.
    pub async fn mark_running(
        &mut self,
        org: OrgId,
        id: BatchId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE batches SET status = 'running', started_at = $3
            WHERE org_id = $1 AND id = $2 AND status = 'queued'
            RETURNING id";
        let args = Args::new().word(org).word(id).time(at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Counts an item that ended as `status`, and holds the row until the
    /// commit. `None` when there is no such batch, or it has ended.
    pub async fn count_end(
        &mut self,
        org: OrgId,
        id: BatchId,
        status: RunStatus,
    ) -> Result<Option<Batch>, StoreError> {
        let sql = concat!(
            "UPDATE batches SET
                items_succeeded = items_succeeded + $3,
                items_failed = items_failed + $4,
                items_cancelled = items_cancelled + $5
            WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')
            RETURNING ",
            columns!()
        );
        let one = ItemCounts::one(status);
        let args = Args::new()
            .word(org)
            .word(id)
            .int(i64::from(one.succeeded))
            .int(i64::from(one.failed))
            .int(i64::from(one.canceled));
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Ends a batch. `None` when there is no such batch, or it had ended before.
    pub async fn finish(
        &mut self,
        org: OrgId,
        id: BatchId,
        outcome: &Outcome,
    ) -> Result<Option<Written<Batch>>, StoreError> {
        let sql = concat!(
            "UPDATE batches SET
                status = $3,
                failure_code = $4,
                failure_stage = $5,
                failure_message = $6,
                completed_at = $7
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
            .opt_word(failure.map(|failure| failure.code))
            .opt_word(failure.map(|failure| failure.stage))
            .opt_text(failure.map(|failure| failure.message.as_str()))
            .time(outcome.at);
        let decode = |row: &Row| Written::decode(row, decode);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

fn decode(row: &Row) -> Result<Batch, StoreError> {
    let failure = match row.opt_word("failure_code")? {
        Some(code) => Some(RunFailure {
            code,
            stage: row.word("failure_stage")?,
            message: row.text("failure_message")?,
        }),
        None => None,
    };
    Ok(Batch {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        model_id: row.word("model_id")?,
        model: row.text("model")?,
        status: row.word("status")?,
        source: row.word("source")?,
        items_total: row.number("items_total")?,
        counts: ItemCounts {
            succeeded: row.number("items_succeeded")?,
            failed: row.number("items_failed")?,
            canceled: row.number("items_cancelled")?,
        },
        failure,
        request_id: row.opt_word("request_id")?,
        created_by: row.opt_word("created_by")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        completed_at: row.opt_time("completed_at")?,
        callback_url: row.opt_text("callback_url")?,
        metadata: row.opt_json("metadata")?,
    })
}
