//! Lines of runs' logs, numbered from 1 without gaps, and complete when the run
//! has ended: nothing is added after that.

use runnel_types::{Cursor, LogId, LogLevel, OrgId, Page, PageRequest, RunId, RunLog, Timestamp};
use uuid::Uuid;

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::page;
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "run_logs";

/// Index: the unique one on run and sequence, both ways. A cursor names a line
/// by its id; its place is its sequence.
pub(crate) const LATER: &str = "SELECT id, sequence, level, message, created_at FROM run_logs
    WHERE org_id = $1 AND run_id = $2
        AND sequence > COALESCE((SELECT sequence FROM run_logs WHERE run_id = $2 AND id = $3), 0)
    ORDER BY sequence
    LIMIT $4";
pub(crate) const EARLIER: &str = "SELECT id, sequence, level, message, created_at FROM run_logs
    WHERE org_id = $1 AND run_id = $2
        AND sequence < COALESCE((SELECT sequence FROM run_logs WHERE run_id = $2 AND id = $3), 9223372036854775807)
    ORDER BY sequence DESC
    LIMIT $4";

/// Index: the same.
pub(crate) const LAST: &str = "SELECT id, sequence, level, message, created_at FROM run_logs
    WHERE org_id = $1 AND run_id = $2
    ORDER BY sequence DESC
    LIMIT 1";

/// A line that has no sequence yet.
#[derive(Debug, Clone, Copy)]
pub struct NewLine<'a> {
    /// The line.
    pub id: LogId,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: &'a str,
    /// When it was written.
    pub at: Timestamp,
}

/// Statements on `run_logs`.
#[derive(Debug)]
pub struct RunLogs<E>(pub(crate) E);

impl<E: Reader> RunLogs<E> {
    /// A page of a run's log, first line first: a log is read in its order.
    pub async fn list(
        &mut self,
        org: OrgId,
        run: RunId,
        request: PageRequest,
    ) -> Result<Page<RunLog>, StoreError> {
        let sql = if request.backward { EARLIER } else { LATER };
        let id = request.cursor.map_or_else(Uuid::nil, |cursor| cursor.id);
        let args = Args::new()
            .word(org)
            .word(run)
            .word(id)
            .int(page::limit(request));
        let lines = all(&mut self.0, Statement::new(TABLE, sql, args), decode).await?;
        Ok(page::page(lines, request, |line| Cursor {
            created_at: line.created_at,
            id: line.id.as_uuid(),
        }))
    }

    /// Up to `limit` lines after the line `sequence` (0: from the first), for
    /// whoever follows a log.
    pub async fn list_after(
        &mut self,
        org: OrgId,
        run: RunId,
        sequence: i64,
        limit: u32,
    ) -> Result<Vec<RunLog>, StoreError> {
        let sql = "SELECT id, sequence, level, message, created_at FROM run_logs
            WHERE org_id = $1 AND run_id = $2 AND sequence > $3
            ORDER BY sequence
            LIMIT $4";
        let args = Args::new()
            .word(org)
            .word(run)
            .int(sequence)
            .int(i64::from(limit));
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// The last line.
    pub async fn last(&mut self, org: OrgId, run: RunId) -> Result<Option<RunLog>, StoreError> {
        let args = Args::new().word(org).word(run);
        optional(&mut self.0, Statement::new(TABLE, LAST, args), decode).await
    }
}

impl RunLogs<&mut Tx> {
    /// Adds a line and returns its sequence; `None` when there is no such run,
    /// or it has ended.
    pub async fn append(
        &mut self,
        org: OrgId,
        run: RunId,
        id: LogId,
        level: LogLevel,
        message: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let line = NewLine {
            id,
            level,
            message,
            at,
        };
        self.append_within(i64::MAX, org, run, line).await
    }

    /// As [`Self::append`]; also `None` when the log has `most` lines already.
    pub async fn append_within(
        &mut self,
        most: i64,
        org: OrgId,
        run: RunId,
        line: NewLine<'_>,
    ) -> Result<Option<i64>, StoreError> {
        // The run's row counts: its lock is what keeps two writers apart.
        let sql = "UPDATE runs SET log_lines = log_lines + 1
            WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') AND log_lines < $3
            RETURNING id, log_lines";
        let statement = Statement::new("runs", sql, Args::new().word(org).word(run).int(most));
        let Some(sequence) = optional(&mut self.0, statement, |row| row.int("log_lines")).await?
        else {
            return Ok(None);
        };
        let sql = "INSERT INTO run_logs (id, org_id, run_id, sequence, level, message, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let args = Args::new()
            .word(line.id)
            .word(org)
            .word(run)
            .int(sequence)
            .word(line.level)
            .text(line.message)
            .time(line.at);
        changed(&mut self.0, Statement::new(TABLE, sql, args)).await?;
        self.0.note_changed(run, false);
        Ok(Some(sequence))
    }
}

fn decode(row: &Row) -> Result<RunLog, StoreError> {
    Ok(RunLog {
        id: row.word("id")?,
        sequence: row.int("sequence")?,
        level: row.word("level")?,
        message: row.text("message")?,
        created_at: row.time("created_at")?,
    })
}
