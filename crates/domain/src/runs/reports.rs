//! Records what an engine tells while it works: progress, and lines of the log.
//!
//! Reports are a courtesy: losing one must not fail the run, and however many an
//! engine makes, only so many reach the database, a few times a second.

use std::time::Duration;

use runnel_engines::engine::Report;
use runnel_store::Tx;
use runnel_store::run_logs::NewLine;
use runnel_types::{Fault, LogLevel, Run};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::execute::Lease;
use crate::{Services, faults};

/// Lines that engines may write to the log of one run.
const MAX_LINES: i64 = 1000;

/// Characters of a line; what is longer is cut.
const MAX_CHARS: usize = 4096;

/// Lines that wait to be written at most; more are dropped.
const MAX_PENDING: usize = 200;

/// Reports that are taken at once: all that wait.
const AT_ONCE: usize = 64;

/// Between two commits of one run's reports.
const PAUSE: Duration = Duration::from_millis(100);

/// What was told and is not recorded yet.
#[derive(Debug, Default)]
struct Pending {
    lines: Vec<(LogLevel, String)>,
    progress: Option<f64>,
    /// The log has all the lines that it may have.
    is_full: bool,
}

impl Pending {
    fn take(&mut self, report: Report) {
        match report {
            Report::Progress(fraction) => self.progress = Some(fraction),
            Report::Log(level, message) => {
                if !self.is_full && self.lines.len() < MAX_PENDING {
                    self.lines.push((level, cut(message)));
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.progress.is_none()
    }
}

impl Services {
    /// Records reports until the engine has no more of them, or `is_over`.
    pub(super) async fn record_reports(
        &self,
        run: &Run,
        lease: &Lease,
        mut reports: mpsc::Receiver<Report>,
        is_over: &CancellationToken,
    ) {
        let mut pending = Pending::default();
        let mut batch = Vec::new();
        let mut next = Instant::now();
        loop {
            let is_last = tokio::select! {
                biased;
                () = is_over.cancelled() => {
                    // What is there already; a thread that goes on may tell for ever.
                    batch.extend(std::iter::from_fn(|| reports.try_recv().ok()).take(AT_ONCE));
                    true
                }
                count = reports.recv_many(&mut batch, AT_ONCE) => count == 0,
                () = tokio::time::sleep_until(next), if !pending.is_empty() => false,
            };
            batch.drain(..).for_each(|report| pending.take(report));
            if !pending.is_empty() && (is_last || Instant::now() >= next) {
                if let Err(fault) = self.record(run, lease, &mut pending).await {
                    tracing::warn!(run.id = %run.id, %fault, "what the engine told could not be recorded");
                }
                next = Instant::now() + PAUSE;
            }
            if is_last {
                return;
            }
        }
    }

    async fn record(&self, run: &Run, lease: &Lease, pending: &mut Pending) -> Result<(), Fault> {
        let lines = std::mem::take(&mut pending.lines);
        let progress = pending.progress.take();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // INVARIANT: of two workers that execute a run, the one that lost its
        // lease writes nothing.
        if !tx
            .jobs()
            .hold(lease.job_id, &lease.worker)
            .await
            .map_err(faults::store)?
        {
            return Ok(());
        }
        for (level, message) in lines {
            if !self.append_line(&mut tx, run, level, &message).await? {
                pending.is_full = true;
                break;
            }
        }
        if let Some(progress) = progress {
            tx.runs()
                .record_progress(run.org_id, run.id, progress)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)
    }

    /// Adds a line; says so in the log, and here, when there is no room for it.
    async fn append_line(
        &self,
        tx: &mut Tx,
        run: &Run,
        level: LogLevel,
        message: &str,
    ) -> Result<bool, Fault> {
        let line = NewLine {
            id: self.ids.next(),
            level,
            message,
            at: self.now(),
        };
        let mut logs = tx.run_logs();
        let appended = logs
            .append_within(MAX_LINES, run.org_id, run.id, line)
            .await
            .map_err(faults::store)?;
        if appended.is_none() {
            let full = format!(
                "the log has {MAX_LINES} lines; what the engine tells from here on is not kept"
            );
            let line = NewLine {
                level: LogLevel::Warning,
                message: &full,
                ..line
            };
            // One line more, so that a later attempt does not say it again.
            logs.append_within(MAX_LINES + 1, run.org_id, run.id, line)
                .await
                .map_err(faults::store)?;
        }
        Ok(appended.is_some())
    }
}

fn cut(message: String) -> String {
    match message.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_to_be_written_is_bounded() {
        let mut pending = Pending::default();
        for _ in 0..10 * MAX_PENDING {
            let line = "é".repeat(MAX_CHARS + 1);
            pending.take(Report::Log(LogLevel::Info, line));
            pending.take(Report::Progress(0.5));
        }
        assert_eq!(pending.lines.len(), MAX_PENDING);
        let (_, first) = &pending.lines[0];
        assert_eq!(first.chars().count(), MAX_CHARS + 1);
        assert!(first.ends_with('…'));
        assert_eq!(cut("é".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
    }
}
