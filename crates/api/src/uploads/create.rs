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

/// What a client does after this.
const DESCRIPTION: &str = "Then PUT the bytes to `upload_url` and confirm the upload.\n\n\
With `\"resumable\": true` the `upload_url` also speaks [tus 1.0](https://tus.io/protocols/resumable-upload), \
so that an upload whose connection breaks can be continued: `HEAD` answers with the `Upload-Offset`, `PATCH` sends what \
follows it (with an `Upload-Checksum` of `sha1` or `sha256`, if you like), `POST` begins afresh, with or without \
the first bytes, and answers with the same URL, `DELETE` gives the session up, and `OPTIONS` tells what is spoken. \
Give a tus client the `upload_url` as its upload URL or as its endpoint, and no key. Such a URL works for 24 hours; \
an upload that has begun by then may go on until it is swept. Confirm it when the offset is the size.";

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
    /// The type of the bytes, one of the supported types, as the PUT will have it in
    /// its `Content-Type`: printable ASCII without spaces around it.
    #[schemars(length(min = 1, max = 255))]
    mime_type: String,
    /// The size of the bytes: at most 50 MiB, or 5 GiB for a resumable upload,
    /// unless the server is set otherwise; of some types less, however they are sent
    /// (64 MiB of a JPEG, 16 MiB of an SVG): see `GET /v1/assets/types`.
    #[schemars(range(min = 1, max = 5_368_709_120_u64))]
    size_bytes: u64,
    /// Whether the bytes may come in pieces, by the tus protocol, and so many of them.
    resumable: Option<bool>,
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
        .description(DESCRIPTION)
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
