//! Cancels a batch: every item that has not ended, in one commit.

use runnel_types::{BatchId, Fault, JobId, Scope};
use serde_json::Value;

use super::BatchView;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

impl Services {
    /// Cancels what has not ended of a batch; says whether there was anything.
    ///
    /// Items that wait never start; those at work are cancelled as a run alone
    /// is, and what their workers bring later is dropped.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`, or `VALIDATION_ERROR` for a reason that is none.
    pub async fn cancel_batch(
        &self,
        caller: &Caller,
        id: BatchId,
        body: &Value,
    ) -> Result<(BatchView, bool), Fault> {
        caller.require(Scope::RunsEdit)?;
        let mut fields = Fields::of(body)?;
        let reason = fields.optional_text_of("reason", 3, 500);
        fields.finish()?;
        let batch = self.read_batch(caller.org_id, id).await?;
        let is_changed =
            !batch.status.is_terminal() && self.cancel_items(caller, id, reason).await?;
        let batch = self.read_batch(caller.org_id, id).await?;
        Ok((self.show_batch(batch).await?, is_changed))
    }

    /// Cancels the items that have not ended; says whether there were any.
    async fn cancel_items(
        &self,
        caller: &Caller,
        id: BatchId,
        reason: Option<&str>,
    ) -> Result<bool, Fault> {
        let org = caller.org_id;
        let mut tx = self.begin_once(caller).await?;
        let runs = tx.runs().list_batch(org, id).await.map_err(faults::store)?;
        // ORDER: all jobs, then all runs, then the batch, whose row is locked by
        // the first end that is counted. A worker that ends an item takes its
        // three in the same order, so no two wait for each other.
        for run in runs.iter().filter(|run| !run.status.is_terminal()) {
            tx.jobs()
                .remove(JobId::from(run.id.as_uuid()))
                .await
                .map_err(faults::store)?;
        }
        let open = tx
            .runs()
            .lock_open_of_batch(org, id)
            .await
            .map_err(faults::store)?;
        let mut cancelled = Vec::new();
        for run in &open {
            cancelled.extend(self.cancel_in(&mut tx, org, run.id, reason).await?);
        }
        tx.commit().await.map_err(faults::store)?;
        for run in &cancelled {
            self.count_end(run);
        }
        if !open.is_empty() {
            tracing::info!(batch.id = %id, items = open.len(), "a batch was cancelled");
        }
        Ok(!open.is_empty())
    }
}
