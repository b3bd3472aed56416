//! `GET /v1/batches/{id}/items`: the items of a batch, each with its run.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_domain::runs::RunView;
use runnel_types::{BatchId, BatchItem, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::list::{ListQuery, Listing};
use crate::runs::RunResponse;

/// An item of a batch.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ItemResponse {
    /// The item: the same as `run_id`.
    id: Uuid,
    /// The batch.
    batch_id: Option<Uuid>,
    /// Its place among the items, from 0.
    sequence_index: u32,
    /// The run that it is.
    run_id: Uuid,
    /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
    status_code: &'static str,
    /// The caller's own name for it.
    client_ref: Option<String>,
    /// The input, references in it shown as signed URLs.
    input: Value,
    /// The output, once it has succeeded.
    output: Option<Value>,
    /// Why it failed: `code`, `message` and `stage`.
    error: Option<Value>,
    /// Always null: running your own models costs what your machine costs.
    cost: Option<f64>,
    /// Milliseconds from the start of the work to its end.
    duration_ms: Option<i64>,
    /// When it was accepted.
    created_at: String,
    /// When its work began, the last time if it was put back into the queue; null
    /// while it is queued.
    started_at: Option<String>,
    /// When it ended.
    completed_at: Option<String>,
    /// The run, whole.
    run: RunResponse,
}

impl From<RunView> for ItemResponse {
    fn from(view: RunView) -> Self {
        let run = &view.run;
        let error = run.failure.as_ref().map(|failure| {
            json!({"code": failure.code, "message": failure.message, "stage": failure.stage})
        });
        Self {
            id: run.id.as_uuid(),
            batch_id: run.batch.map(|place| place.id.as_uuid()),
            sequence_index: run.batch.map_or(0, |place| place.index),
            run_id: run.id.as_uuid(),
            status_code: run.status.as_str(),
            client_ref: run.client_ref.clone(),
            input: view.input.clone(),
            output: view.output.clone(),
            error,
            cost: None,
            duration_ms: run.duration_ms(),
            created_at: run.created_at.to_rfc3339(),
            started_at: run.started_at.map(Timestamp::to_rfc3339),
            completed_at: run.completed_at.map(Timestamp::to_rfc3339),
            run: view.into(),
        }
    }
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.items")
        .tag("Batches")
        .summary("List the items of a batch")
        .description("In the order in which they were given, unless `sort_by` says otherwise.")
}

pub(crate) async fn items(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<BatchId>,
    query: ListQuery<BatchItem>,
) -> Result<Listing<ItemResponse>, ApiError> {
    let page = services
        .list_batch_items(&caller, id, &query.request)
        .await?;
    Listing::new(query, page, ItemResponse::from)
}
