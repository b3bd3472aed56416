//! `POST /v1/runs/{id}/reruns`: runs a run again.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use runnel_domain::Services;
use runnel_types::RunId;
use schemars::JsonSchema;

use super::RunResponse;
use super::create::accepted;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};
use crate::prefer::PreferredWait;

/// What the new run has of its own. The body may be left out.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct RerunRequest {
    /// Where the new run's end is to be told; http or https.
    #[schemars(length(max = 2048))]
    callback_url: Option<String>,
    /// A name of your own for the new run.
    #[schemars(length(max = 255))]
    client_ref: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.rerun")
        .tag("Runs")
        .summary("Run a run again")
        .description(
            "A new run of the same model with the same input and metadata; files of the input \
             are the same assets. Neither the earlier run's callback URL nor its `client_ref` is \
             taken over. `Prefer: wait=N` is as for a run's creation.",
        )
        .response::<201, Json<RunResponse>>()
}

pub(crate) async fn rerun(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
    wait: PreferredWait,
    body: JsonBody<RerunRequest>,
) -> Result<Response, ApiError> {
    let run = services.rerun(&caller, id, &body.0).await?;
    // Waiting for the run's end takes none of its body.
    drop(body);
    accepted(&services, run, wait).await
}
