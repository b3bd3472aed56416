//! `POST /v1/runs/{id}/cancellation`: cancels a run.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::RunId;
use schemars::JsonSchema;

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// Why a run is cancelled. The body may be left out.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CancelRunRequest {
    /// For the run's log.
    #[schemars(length(min = 3, max = 500))]
    reason: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    both(operation).id("runs.cancel").summary("Cancel a run")
}

pub(crate) fn admin_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    both(operation)
        .id("runs.cancel_admin")
        .summary("Cancel a run, by its other path")
}

fn both(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .tag("Runs")
        .description(
            "A queued run never starts; of a running one the engine is asked to stop, and its \
             result is dropped. 201 with the run when it ended by this, 200 with the unchanged \
             run when it had ended before.",
        )
        .response::<200, Json<RunResponse>>()
        .response::<201, Json<RunResponse>>()
}

pub(crate) async fn cancel(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
    JsonBody(body, _): JsonBody<CancelRunRequest>,
) -> Result<(StatusCode, Json<RunResponse>), ApiError> {
    let cancellation = services.cancel_run(&caller, id, &body).await?;
    let status = if cancellation.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(cancellation.run.into())))
}
