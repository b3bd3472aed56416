//! Ends a run: its assets, its status, its callback and the end of its job in
//! one commit.

use runnel_store::Tx;
use runnel_store::runs::Outcome;
use runnel_types::{Asset, Fault, LogLevel, OrgId, Run, RunFailure, RunId, RunStatus};
use serde_json::Value;

use super::execute::{Execution, Lease};
use crate::assets::Described;
use crate::{Services, faults};

impl Services {
    /// Records the end of a run. When the run had ended already, or the lease
    /// went to another worker, nothing changes and the files are removed.
    pub(super) async fn finish_run(
        &self,
        run: &Run,
        result: Result<Value, RunFailure>,
        files: Vec<Described>,
        log: Option<(LogLevel, String)>,
        lease: &Lease,
    ) -> Result<Execution, Fault> {
        let stored = files.iter().map(Described::asset);
        let (written, ended) = match self.write_end(run, result, &files, log, lease).await {
            Ok(Some((tx, ended))) => (Ok(tx), Some(ended)),
            Ok(None) => {
                self.discard_files(stored).await;
                return Ok(Execution::Stale);
            }
            Err(fault) => (Err(fault), None),
        };
        self.commit_files(written, stored).await?;
        if let Some(ended) = ended {
            self.count_end(&ended);
        }
        Ok(Execution::Recorded)
    }

    /// Removes the job of a run that has ended. When the run has not, after all, since
    /// what seemed to be its end was never committed, it is executed once more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_stale_run(
        &self,
        org: OrgId,
        id: RunId,
        lease: &Lease,
    ) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let run = tx.runs().get(org, id).await.map_err(faults::store)?;
        let (job, worker, now) = (lease.job_id, &lease.worker, self.now());
        let settled = if run.is_some_and(|run| !run.status.is_terminal()) {
            tx.jobs().retry_at(job, worker, now).await
        } else {
            tx.jobs().complete(job, worker).await
        };
        settled.map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }

    /// Writes all that, to be committed, and the run as it ended. `None` when there
    /// is nothing to commit.
    async fn write_end(
        &self,
        run: &Run,
        result: Result<Value, RunFailure>,
        files: &[Described],
        log: Option<(LogLevel, String)>,
        lease: &Lease,
    ) -> Result<Option<(Tx, Run)>, Fault> {
        let now = self.now();
        let outcome = match result {
            Ok(output) => Outcome {
                status: RunStatus::Succeeded,
                output: Some(output),
                failure: None,
                at: now,
            },
            Err(failure) => Outcome {
                status: RunStatus::Failed,
                output: None,
                failure: Some(failure),
                at: now,
            },
        };
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // The lease is asked for first: a worker that lost it must not write.
        if !tx
            .jobs()
            .complete(lease.job_id, &lease.worker)
            .await
            .map_err(faults::store)?
        {
            return Ok(None);
        }
        let line = log
            .as_ref()
            .map(|(level, message)| (*level, message.as_str()));
        let ended = self
            .end_in(&mut tx, (run.org_id, run.id), &outcome, line, files)
            .await?;
        Ok(ended.map(|run| (tx, run)))
    }

    /// Writes the end of a run, whoever ends it, into the caller's transaction:
    /// what it made, a last line of its log, its status, its callback and what
    /// webhooks hear of it. `None`
    /// when there is no such run, or it had ended; then the transaction is to be
    /// dropped.
    pub(crate) async fn end_in(
        &self,
        tx: &mut Tx,
        (org, id): (OrgId, RunId),
        outcome: &Outcome,
        line: Option<(LogLevel, &str)>,
        made: &[Described],
    ) -> Result<Option<Run>, Fault> {
        for new in made {
            self.insert_described(tx, new).await?;
        }
        if let Some((level, message)) = line {
            tx.run_logs()
                .append(org, id, self.ids.next(), level, message, outcome.at)
                .await
                .map_err(faults::store)?;
        }
        let ended = tx
            .runs()
            .finish(org, id, outcome)
            .await
            .map_err(faults::store)?;
        if let Some(ended) = &ended {
            let assets: Vec<Asset> = made.iter().map(|new| new.asset().clone()).collect();
            self.tell_end_of_run(tx, ended, &assets).await?;
            self.note_batch_item(tx, &ended.row).await?;
        }
        Ok(ended.map(|ended| ended.row))
    }
}
