//! Cancels a batch: every item that has not ended, in one commit.

use runnel_store::Tx;
use runnel_store::runs::Outcome;
use runnel_types::{BatchId, Fault, JobId, LogLevel, Run, RunStatus, Scope};
use serde_json::Value;

use super::{BatchView, not_found};
use crate::fields::Fields;
use crate::{Caller, Services, faults};

impl Services {
    /// Cancels what has not ended of a batch; says whether there was anything.
    ///
    /// Items that wait never start; those at work are ended as cancelled here
    /// and now, and what their workers bring later is dropped.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`, or `VALIDATION_ERROR` for the reason.
    pub async fn cancel_batch(
        &self,
        caller: &Caller,
        id: BatchId,
        body: &Value,
    ) -> Result<(BatchView, bool), Fault> {
        caller.require(Scope::RunsEdit)?;
        let mut fields = Fields::of(body)?;
        let reason = fields.optional_text_of("reason", 3, 500).map(str::to_owned);
        fields.finish()?;
        let mut tx = self.begin_once(caller).await?;
        let known = tx
            .batches()
            .get(caller.org_id, id)
            .await
            .map_err(faults::store)?;
        known.ok_or_else(|| not_found(id))?;
        // ORDER: all jobs, then all runs, then the batch, whose row the first end
        // locks: a worker that ends an item goes the same way.
        let items = tx
            .runs()
            .list_batch(caller.org_id, id)
            .await
            .map_err(faults::store)?;
        for run in items.iter().filter(|run| !run.status.is_terminal()) {
            tx.jobs()
                .remove(JobId::from(run.id.as_uuid()))
                .await
                .map_err(faults::store)?;
        }
        let open = tx
            .runs()
            .lock_open_of_batch(caller.org_id, id)
            .await
            .map_err(faults::store)?;
        for run in &open {
            self.cancel_item(&mut tx, run, reason.as_deref()).await?;
        }
        let batch = tx
            .batches()
            .get(caller.org_id, id)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        let batch = batch.ok_or_else(|| not_found(id))?;
        Ok((self.show_batch(batch).await?, !open.is_empty()))
    }

    async fn cancel_item(&self, tx: &mut Tx, run: &Run, reason: Option<&str>) -> Result<(), Fault> {
        let message = match reason {
            Some(reason) => format!("cancelled with its batch: {reason}"),
            None => "cancelled with its batch".to_owned(),
        };
        let outcome = Outcome {
            status: RunStatus::Canceled,
            output: None,
            failure: None,
            at: self.now(),
        };
        let line = Some((LogLevel::Info, message.as_str()));
        self.end_in(tx, (run.org_id, run.id), &outcome, line, &[])
            .await
            .map(drop)
    }
}
