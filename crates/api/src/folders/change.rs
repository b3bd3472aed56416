//! `PATCH /v1/asset-folders/{id}`: renames or moves a folder.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::FolderId;
use schemars::JsonSchema;
use uuid::Uuid;

use super::FolderResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// What is to change; what is left out stays.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct ChangeFolderRequest {
    /// Its name, 1 to 255 characters without a slash.
    name: Option<String>,
    /// The folder that it lies in; null for the top.
    parent_id: Option<Uuid>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("folders.change")
        .tag("Folders")
        .summary("Rename or move a folder")
}

pub(crate) async fn change(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<FolderId>,
    JsonBody(body, _): JsonBody<ChangeFolderRequest>,
) -> Result<Json<FolderResponse>, ApiError> {
    Ok(Json(
        services.change_folder(&caller, id, &body).await?.into(),
    ))
}
