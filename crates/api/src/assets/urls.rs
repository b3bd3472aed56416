//! `POST /v1/assets/{id}/urls`: a signed URL, perhaps of a transform.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::AssetId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// What the URL leads to. With none of `w`, `h`, `fit`, `format` and `q` it
/// leads to the asset's own bytes.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct SignUrlRequest {
    /// The width in pixels. With `w` or `h` alone the picture keeps its shape.
    #[schemars(range(min = 1, max = 8192))]
    w: Option<u32>,
    /// The height in pixels. A picture is never enlarged.
    #[schemars(range(min = 1, max = 8192))]
    h: Option<u32>,
    /// `contain` (the default) shows all of the picture, as large as `w` × `h`
    /// allows. `cover` fills `w` × `h` and cuts off what hangs over, on both
    /// sides alike; of a smaller picture it gives the largest part of that
    /// shape. `crop` cuts `w` × `h` pixels out of the middle without scaling.
    fit: Option<String>,
    /// `webp`, `avif`, `jpeg` (what is transparent becomes white), `png`, or
    /// `auto` (the default): by the `Accept` of whoever fetches it, AVIF where
    /// it is named and the result has at most 2.1 megapixels, else WebP where
    /// it is named, else JPEG, or PNG for a picture with transparent parts.
    format: Option<String>,
    /// The quality; by default 80 for WebP, 82 for JPEG, 60 for AVIF. PNG has none.
    #[schemars(range(min = 1, max = 100))]
    q: Option<u8>,
    /// How long the URL works, in seconds; by default as long as an asset's `url`.
    #[schemars(range(min = 1, max = 604_800))]
    expires_in: Option<u32>,
}

/// A signed URL.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SignUrlResponse {
    /// Works without a key until it expires or the asset is deleted.
    #[schemars(url)]
    url: String,
    /// When it expires.
    expires_at: String,
    /// The width of what it leads to, in pixels, where that is known.
    width: Option<u32>,
    /// The height of what it leads to, in pixels, where that is known.
    height: Option<u32>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.sign")
        .tag("Assets")
        .summary("Sign a URL, of the asset or of a transform")
        .description("A transform gives the picture in other sides or another format: of an animation its first frame, of a video or a document its thumbnail. It is made when its URL is fetched for the first time, and kept. A result has at most 8192 pixels a side and 40 megapixels, an AVIF 8.4 megapixels.")
        .response::<201, Json<SignUrlResponse>>()
}

pub(crate) async fn sign(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
    JsonBody(body, _): JsonBody<SignUrlRequest>,
) -> Result<(StatusCode, Json<SignUrlResponse>), ApiError> {
    let signed = services.sign_asset_url(&caller, id, &body).await?;
    let response = SignUrlResponse {
        url: signed.url,
        expires_at: signed.expires_at.to_rfc3339(),
        width: signed.width,
        height: signed.height,
    };
    Ok((StatusCode::CREATED, Json(response)))
}
