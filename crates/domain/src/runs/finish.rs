//! Ends a run: its assets, its status, its callback and the end of its job in
//! one commit.

use runnel_store::runs::Outcome;
use runnel_types::{Asset, Fault, LogLevel, Run, RunFailure, RunStatus};
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
        let recorded = self.record_end(run, result, &files, log, lease).await;
        if !matches!(recorded, Ok(true)) {
            self.discard_files(files.iter().map(Described::asset)).await;
        }
        Ok(if recorded? {
            Execution::Recorded
        } else {
            Execution::Stale
        })
    }

    async fn record_end(
        &self,
        run: &Run,
        result: Result<Value, RunFailure>,
        files: &[Described],
        log: Option<(LogLevel, String)>,
        lease: &Lease,
    ) -> Result<bool, Fault> {
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
            return Ok(false);
        }
        for new in files {
            self.insert_described(&mut tx, new).await?;
        }
        if let Some((level, message)) = log {
            tx.run_logs()
                .append(run.org_id, run.id, self.ids.next(), level, &message, now)
                .await
                .map_err(faults::store)?;
        }
        let Some(ended) = tx
            .runs()
            .finish(run.org_id, run.id, &outcome)
            .await
            .map_err(faults::store)?
        else {
            return Ok(false);
        };
        let assets: Vec<Asset> = files.iter().map(|new| new.asset().clone()).collect();
        self.plan_callback(&mut tx, &ended, &assets).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(true)
    }
}
