//! `PATCH /v1/assets/{id}`: renames an asset, files it, keeps notes with it.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::AssetId;
use schemars::JsonSchema;
use serde_json::Value;
use uuid::Uuid;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// What is to change; what is left out stays.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct ChangeAssetRequest {
    /// Its name, 1 to 500 characters.
    name: Option<String>,
    /// The folder; null for the top.
    folder_id: Option<Uuid>,
    /// Whatever is to be kept with it, an object; null for nothing.
    metadata: Option<Value>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.change")
        .tag("Assets")
        .summary("Rename, file or annotate an asset")
}

pub(crate) async fn change(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
    JsonBody(body, _): JsonBody<ChangeAssetRequest>,
) -> Result<Json<AssetResponse>, ApiError> {
    let asset = services.change_asset(&caller, id, &body).await?;
    Ok(Json(services.show_asset(asset, services.now()).into()))
}
