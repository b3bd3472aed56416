//! What a run does to the batch that it is an item of, in the transactions in
//! which it is begun and ended.

use runnel_store::Tx;
use runnel_store::batches::Outcome;
use runnel_types::{Batch, BatchStatus, Fault, Run, RunFailure, RunStatus};
use serde_json::Value;

use super::read::output_of;
use crate::runs::references_in;
use crate::{Services, faults};

impl Services {
    /// Notes on the batch of `run`, when it has one, that an item was begun.
    pub(crate) async fn note_batch_start(&self, tx: &mut Tx, run: &Run) -> Result<(), Fault> {
        let Some(place) = run.batch else {
            return Ok(());
        };
        tx.batches()
            .mark_running(run.org_id, place.id, self.now())
            .await
            .map(drop)
            .map_err(faults::store)
    }

    /// Counts the end of `ended` on its batch, when it has one; the last item
    /// ends the batch and plans its callback.
    ///
    /// Whatever ends a run calls this once, after it wrote the run's end: the
    /// row of the run is held before that of the batch, by everyone.
    pub(crate) async fn note_batch_item(&self, tx: &mut Tx, ended: &Run) -> Result<(), Fault> {
        let Some(place) = ended.batch else {
            return Ok(());
        };
        let batch = tx
            .batches()
            .count_end(ended.org_id, place.id, ended.status)
            .await
            .map_err(faults::store)?;
        let Some(batch) = batch else {
            return Ok(());
        };
        match batch.counts.outcome(batch.items_total) {
            Some(status) => self.end_batch(tx, &batch, status).await,
            None => Ok(()),
        }
    }

    async fn end_batch(
        &self,
        tx: &mut Tx,
        batch: &Batch,
        status: BatchStatus,
    ) -> Result<(), Fault> {
        let runs = tx
            .runs()
            .list_batch(batch.org_id, batch.id)
            .await
            .map_err(faults::store)?;
        let outcome = Outcome {
            status,
            failure: failure_of(status, &runs),
            at: self.now(),
        };
        let ended = tx
            .batches()
            .finish(batch.org_id, batch.id, &outcome)
            .await
            .map_err(faults::store)?;
        let Some(ended) = ended else {
            return Ok(());
        };
        if ended.row.callback_url.is_none() && !ended.has_webhooks {
            return Ok(());
        }
        let output = self.sign_output(tx, &ended.row, &runs).await?;
        self.tell_end_of_batch(tx, &ended, output).await
    }

    /// The output of a batch as its callback tells it. Files are looked for in
    /// the transaction itself: it made some of them.
    async fn sign_output(&self, tx: &mut Tx, batch: &Batch, runs: &[Run]) -> Result<Value, Fault> {
        let ids = references_in(runs.iter().filter_map(|run| run.output.as_ref()));
        let assets = tx
            .assets()
            .get_many_live(batch.org_id, &ids)
            .await
            .map_err(faults::store)?;
        let urls = self.urls_of(&assets, self.now());
        let outputs = runs.iter().map(|run| {
            let output = run.output.as_ref().map(|output| urls.put_into(output));
            (run, output)
        });
        Ok(output_of(batch, outputs))
    }
}

/// Why a batch of which nothing succeeded failed: the reason of the first item
/// that did.
fn failure_of(status: BatchStatus, runs: &[Run]) -> Option<RunFailure> {
    if status != BatchStatus::Failed {
        return None;
    }
    let failed = runs.iter().find(|run| run.status == RunStatus::Failed)?;
    let failure = failed.failure.clone()?;
    let index = failed.batch?.index;
    Some(RunFailure {
        message: format!("no item succeeded; item {index}: {}", failure.message),
        ..failure
    })
}
