//! `POST /v1/models/{owner}/{slug…}/runs`: runs a model.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::model_path::ModelPath;

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
            "The input is checked against what the model declares before anything is stored.",
        )
        .response::<201, Json<RunResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    Path(path): Path<ModelPath>,
    JsonBody(body, _): JsonBody<CreateRunRequest>,
) -> Result<(StatusCode, Json<RunResponse>), ApiError> {
    let run = services.create_run(&caller, &path.model(), &body).await?;
    let view = services.show_run(run).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}
