//! `POST /v1/models/{owner}/{slug…}/runs`: runs a model.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use runnel_domain::Services;
use runnel_types::Run;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::LargeJsonBody;
use crate::model_path::ModelPath;
use crate::path::PathNames;
use crate::prefer::{self, PreferredWait};

/// What is to be run.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateRunRequest {
    /// The model's inputs, by name.
    input: Map<String, Value>,
    /// Whatever is to be kept with the run; at most 64 KiB.
    metadata: Option<Map<String, Value>>,
    /// Where the run's end is to be told; http or https.
    #[schemars(length(max = 2048))]
    callback_url: Option<String>,
    /// A name of your own for the run.
    #[schemars(length(max = 255))]
    client_ref: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.create")
        .tag("Runs")
        .summary("Run a model")
        .description(
            "The input is checked against what the model declares before anything is stored. \
             With the header `Prefer: wait=N` (1 to 60) the answer comes when the run ends or N \
             seconds have passed, whichever is first; `Preference-Applied` says so.",
        )
        .response::<201, Json<RunResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathNames(path): PathNames<ModelPath>,
    wait: PreferredWait,
    body: LargeJsonBody<CreateRunRequest>,
) -> Result<Response, ApiError> {
    let model = path.model();
    let run = services.create_run(&caller, &model, &body.0).await?;
    // Waiting for the run's end takes none of its body.
    drop(body);
    accepted(&services, run, wait).await
}

/// The answer to whoever made a run: at once, or at its end.
pub(super) async fn accepted(
    services: &Services,
    run: Run,
    wait: PreferredWait,
) -> Result<Response, ApiError> {
    let run = match wait.0 {
        Some(limit) => services.wait_for_end(run, limit).await,
        None => run,
    };
    let view = services.show_run(run).await?;
    let mut response = (StatusCode::CREATED, Json(RunResponse::from(view))).into_response();
    if let Some(applied) = wait.applied() {
        response.headers_mut().insert(prefer::APPLIED, applied);
    }
    Ok(response)
}
