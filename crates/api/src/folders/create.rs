//! `POST /v1/asset-folders`: makes a folder.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use uuid::Uuid;

use super::FolderResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;

/// A folder to be made.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateFolderRequest {
    /// Its name, 1 to 255 characters without a slash.
    name: String,
    /// The folder that it lies in; the top when null or left out.
    parent_id: Option<Uuid>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("folders.create")
        .tag("Folders")
        .summary("Make a folder")
        .response::<201, Json<FolderResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    JsonBody(body, _): JsonBody<CreateFolderRequest>,
) -> Result<(StatusCode, Json<FolderResponse>), ApiError> {
    let view = services.create_folder(&caller, &body).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}
