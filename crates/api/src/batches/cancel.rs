//! `POST /v1/batches/{id}/cancellation`: ends what has not ended of a batch.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::BatchId;
use schemars::JsonSchema;

use super::BatchResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// Why it is cancelled.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CancelBatchRequest {
    /// Kept in the log of each run that is cancelled.
    #[schemars(length(min = 3, max = 500))]
    reason: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.cancel")
        .tag("Batches")
        .summary("Cancel a batch")
        .description(
            "Items that wait never start; those at work are stopped. 200 with the batch as it is when it has ended already.",
        )
        .response::<201, Json<BatchResponse>>()
        .response::<200, Json<BatchResponse>>()
}

pub(crate) async fn cancel(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<BatchId>,
    JsonBody(body, _): JsonBody<CancelBatchRequest>,
) -> Result<(StatusCode, Json<BatchResponse>), ApiError> {
    let (view, is_changed) = services.cancel_batch(&caller, id, &body).await?;
    let status = if is_changed {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(view.into())))
}
