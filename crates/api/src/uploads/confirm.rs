//! `POST /v1/asset-uploads/{id}/confirmations`: makes the asset of an upload.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::AssetId;
use schemars::JsonSchema;
use uuid::Uuid;

use crate::assets::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// Where the asset is filed. The body may be left out.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct ConfirmUploadRequest {
    /// The folder; the top when null or left out.
    folder_id: Option<Uuid>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("uploads.confirm")
        .tag("Uploads")
        .summary("Confirm an upload")
        .description("Looks at the bytes that arrived and makes the asset. Asking again answers with the same asset.")
        .response::<201, Json<AssetResponse>>()
}

pub(crate) async fn confirm(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
    JsonBody(body, _): JsonBody<ConfirmUploadRequest>,
) -> Result<(StatusCode, Json<AssetResponse>), ApiError> {
    let asset = services.confirm_upload(&caller, id, &body).await?;
    let view = services.show_asset(asset, services.now());
    Ok((StatusCode::CREATED, Json(view.into())))
}
