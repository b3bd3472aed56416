//! `GET /v1/asset-folders/{id}`: a folder.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::FolderId;

use super::FolderResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("folders.get")
        .tag("Folders")
        .summary("Get a folder")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<FolderId>,
) -> Result<Json<FolderResponse>, ApiError> {
    Ok(Json(services.get_folder(&caller, id).await?.into()))
}
