//! `POST /v1/models/{owner}/{slug…}/batches`: runs a model up to a hundred times.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::BatchResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::LargeJsonBody;
use crate::model_path::ModelPath;
use crate::path::PathNames;

/// What is to be run.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
#[schemars(extend("anyOf" = [{"required": ["input"]}, {"required": ["items"]}]))]
pub(crate) struct CreateBatchRequest {
    /// The model's inputs, by name, of each item. An item may have a `client_ref` of
    /// at most 255 characters among them, which is no input.
    #[schemars(length(min = 1, max = 100))]
    input: Option<Vec<Map<String, Value>>>,
    /// The older form, in place of `input`.
    #[schemars(length(min = 1, max = 100))]
    items: Option<Vec<CreateBatchItem>>,
    /// Whatever is to be kept with the batch; at most 64 KiB.
    metadata: Option<Map<String, Value>>,
    /// Where the batch's end is to be told, once; http or https.
    #[schemars(length(max = 2048))]
    callback_url: Option<String>,
}

/// An item in the older form.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateBatchItem {
    /// The model's inputs, by name.
    input: Map<String, Value>,
    /// A name of your own for the item.
    #[schemars(length(max = 255))]
    client_ref: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.create")
        .tag("Batches")
        .summary("Run a model on many inputs")
        .description(
            "Every item is checked before anything is stored; a fault names the item, such as `input.3.prompt`. Each item becomes a run.",
        )
        .response::<201, Json<BatchResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathNames(path): PathNames<ModelPath>,
    LargeJsonBody(body, _): LargeJsonBody<CreateBatchRequest>,
) -> Result<(StatusCode, Json<BatchResponse>), ApiError> {
    let batch = services.create_batch(&caller, &path.model(), &body).await?;
    let view = services.show_batch(batch).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}
