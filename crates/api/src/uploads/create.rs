//! `POST /v1/asset-uploads`: creates an upload session.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;

/// What is to be uploaded.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateUploadRequest {
    /// The name that the asset will have; never used as a path.
    #[schemars(length(min = 1, max = 500))]
    filename: String,
    /// The type of the bytes, one of the supported types.
    #[schemars(length(min = 1, max = 255))]
    mime_type: String,
    /// The size of the bytes.
    #[schemars(range(min = 1, max = 52_428_800))]
    size_bytes: u64,
}

/// Where the bytes go.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CreateUploadResponse {
    /// The asset that the confirmation will make.
    asset_id: Uuid,
    /// PUT the bytes here, with their `Content-Type` and without a key.
    #[schemars(url)]
    upload_url: String,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("uploads.create")
        .tag("Uploads")
        .summary("Create an upload session")
        .description("Then PUT the bytes to `upload_url` and confirm the upload.")
        .response::<201, Json<CreateUploadResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    JsonBody(body, _): JsonBody<CreateUploadRequest>,
) -> Result<(StatusCode, Json<CreateUploadResponse>), ApiError> {
    let upload = services.create_upload(&caller, &body).await?;
    let response = CreateUploadResponse {
        asset_id: upload.asset_id.as_uuid(),
        upload_url: upload.upload_url,
    };
    Ok((StatusCode::CREATED, Json(response)))
}
