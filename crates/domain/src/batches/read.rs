//! Reads batches, with their items.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{Batch, BatchId, Fault, OrgId, Page, Run, Scope};
use serde_json::{Value, json};

use super::not_found;
use crate::runs::RunView;
use crate::{Caller, Services, faults};

/// A batch as it is shown, with every item.
#[derive(Debug, Clone)]
pub struct BatchView {
    /// The record.
    pub batch: Batch,
    /// Its runs, in the order of its items.
    pub items: Vec<RunView>,
}

impl BatchView {
    /// What it made, once it has ended.
    pub fn output(&self) -> Option<Value> {
        let outputs = || {
            self.items
                .iter()
                .map(|item| (&item.run, item.output.clone()))
        };
        self.batch
            .status
            .is_terminal()
            .then(|| output_of(&self.batch, outputs()))
    }
}

impl Services {
    /// A batch of the caller's organization.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`.
    pub async fn get_batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView, Fault> {
        caller.require(Scope::RunsRead)?;
        let batch = self.read_batch(caller.org_id, id).await?;
        self.show_batch(batch).await
    }

    /// A page of the caller's batches, without their items.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_batches(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<Batch, Place>, Fault> {
        caller.require(Scope::RunsRead)?;
        self.store
            .read()
            .batches()
            .list(caller.org_id, request)
            .await
            .map_err(faults::store)
    }

    /// A page of a batch's items.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`.
    pub async fn list_batch_items(
        &self,
        caller: &Caller,
        id: BatchId,
        request: &ListRequest,
    ) -> Result<Page<RunView, Place>, Fault> {
        caller.require(Scope::RunsRead)?;
        self.read_batch(caller.org_id, id).await?;
        let page = self
            .store
            .read()
            .runs()
            .list_items(caller.org_id, id, request)
            .await
            .map_err(faults::store)?;
        self.show_page(page).await
    }

    /// Shows a batch.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn show_batch(&self, batch: Batch) -> Result<BatchView, Fault> {
        let runs = self
            .store
            .read()
            .runs()
            .list_batch(batch.org_id, batch.id)
            .await
            .map_err(faults::store)?;
        let items = self.show_runs(runs).await?;
        Ok(BatchView { batch, items })
    }

    /// The record of an organization's batch.
    pub(crate) async fn read_batch(&self, org: OrgId, id: BatchId) -> Result<Batch, Fault> {
        let batch = self
            .store
            .read()
            .batches()
            .get(org, id)
            .await
            .map_err(faults::store)?;
        batch.ok_or_else(|| not_found(id))
    }
}

/// The output of a batch: the same in its record and in its callback. `outputs`
/// are its runs, each with its output as it is to be shown.
pub(super) fn output_of<'a>(
    batch: &Batch,
    outputs: impl Iterator<Item = (&'a Run, Option<Value>)>,
) -> Value {
    let item = |(run, output): (&Run, Option<Value>)| {
        let error = run.failure.as_ref().map(|failure| {
            json!({"code": failure.code, "message": failure.message, "stage": failure.stage})
        });
        json!({
            "id": run.id,
            "sequence_index": run.batch.map(|place| place.index),
            "run_id": run.id,
            "status_code": run.status,
            "client_ref": run.client_ref,
            "output": output,
            "error": error,
        })
    };
    let items: Vec<Value> = outputs.map(item).collect();
    json!({
        "items": items,
        "succeeded": batch.counts.succeeded,
        "failed": batch.counts.failed,
        "cancelled": batch.counts.canceled,
        "total": batch.items_total,
    })
}
