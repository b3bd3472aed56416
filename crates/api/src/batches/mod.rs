//! Batches, and the forms in which every operation shows them and their items.

pub(crate) mod callback;
pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod items;
pub(crate) mod list;
pub(crate) mod redeliver;

use runnel_domain::batches::BatchView;
use runnel_types::{Batch, Run, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Runs of one model that were asked for at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BatchResponse {
    /// The batch.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// Always `model`.
    target_type: &'static str,
    /// The same as `target_type`.
    target_type_code: &'static str,
    /// The model's id.
    target_id: Uuid,
    /// The model, `owner/slug`.
    model: String,
    /// `queued`, `running`, `succeeded`, `failed`, `canceled` or `partial_succeeded`.
    status_code: &'static str,
    /// `api`, `console` or `cli`.
    source_code: &'static str,
    /// How many items it has.
    items_total: u32,
    /// How many of them succeeded.
    items_succeeded: u32,
    /// How many of them failed.
    items_failed: u32,
    /// How many of them were cancelled.
    items_cancelled: u32,
    /// The items, in the order in which they were given; null in lists.
    items: Option<Vec<ItemSummary>>,
    /// The input of each item, references in it shown as signed URLs; null in lists.
    input: Option<Vec<Value>>,
    /// Once the batch has ended: `items`, each with its `output` or its `error`, and
    /// how many `succeeded`, `failed` and were `cancelled` of the `total`; null in lists.
    output: Option<Value>,
    /// Always null: running your own models costs what your machine costs.
    cost: Option<f64>,
    /// Whatever the caller keeps with it.
    metadata: Option<Value>,
    /// Where its end is told.
    callback_url: Option<String>,
    /// Milliseconds from the start of its first item to the end of its last.
    duration_ms: Option<i64>,
    /// When no item succeeded: why the first that failed did.
    failure_code: Option<&'static str>,
    /// The same, for a person.
    failure_message: Option<String>,
    /// `dispatch`, `preprocess`, `inference` or `postprocess`.
    failure_stage_code: Option<&'static str>,
    /// The request that made it.
    request_id: Option<Uuid>,
    /// The key that made it.
    created_by: Option<Uuid>,
    /// When it was accepted.
    created_at: String,
    /// When its first item was begun.
    started_at: Option<String>,
    /// When its last item ended.
    completed_at: Option<String>,
    /// Where to read on.
    links: Value,
}

/// An item, as its batch shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ItemSummary {
    /// The item: the same as `run_id`.
    id: Uuid,
    /// Its place among the items, from 0.
    sequence_index: u32,
    /// The run that it is.
    run_id: Uuid,
    /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
    status_code: &'static str,
    /// The caller's own name for it.
    client_ref: Option<String>,
}

impl From<&Run> for ItemSummary {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.as_uuid(),
            sequence_index: run.batch.map_or(0, |place| place.index),
            run_id: run.id.as_uuid(),
            status_code: run.status.as_str(),
            client_ref: run.client_ref.clone(),
        }
    }
}

impl From<BatchView> for BatchResponse {
    fn from(view: BatchView) -> Self {
        let output = view.output();
        let items = view.items.iter().map(|item| (&item.run).into()).collect();
        Self {
            items: Some(items),
            input: Some(view.items.into_iter().map(|item| item.input).collect()),
            output,
            ..Self::from(view.batch)
        }
    }
}

impl From<Batch> for BatchResponse {
    fn from(batch: Batch) -> Self {
        let failure = batch.failure.as_ref();
        Self {
            id: batch.id.as_uuid(),
            org_id: batch.org_id.as_uuid(),
            target_type: "model",
            target_type_code: "model",
            target_id: batch.model_id.as_uuid(),
            status_code: batch.status.as_str(),
            source_code: batch.source.as_str(),
            items_total: batch.items_total,
            items_succeeded: batch.counts.succeeded,
            items_failed: batch.counts.failed,
            items_cancelled: batch.counts.canceled,
            items: None,
            input: None,
            output: None,
            cost: None,
            duration_ms: batch.duration_ms(),
            failure_code: failure.map(|failure| failure.code.as_str()),
            failure_stage_code: failure.map(|failure| failure.stage.as_str()),
            request_id: batch.request_id.map(Into::into),
            created_by: batch.created_by.map(Into::into),
            created_at: batch.created_at.to_rfc3339(),
            started_at: batch.started_at.map(Timestamp::to_rfc3339),
            completed_at: batch.completed_at.map(Timestamp::to_rfc3339),
            links: links(&batch),
            failure_message: batch.failure.map(|failure| failure.message),
            model: batch.model,
            metadata: batch.metadata,
            callback_url: batch.callback_url,
        }
    }
}

fn links(batch: &Batch) -> Value {
    let at = |rest: &str| crate::routes::batch_path(batch.id, rest);
    json!({"self": at(""), "items": at("/items"), "callback": at("/callback")})
}
