//! `POST /v1/assets/{id}/restorations`: takes a deletion back.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::AssetId;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.restore")
        .tag("Assets")
        .summary("Restore a deleted asset")
        .description("Possible for seven days, unless the server is set otherwise. When its folder is gone, it comes back at the top.")
        .response::<201, Json<AssetResponse>>()
}

pub(crate) async fn restore(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
) -> Result<(StatusCode, Json<AssetResponse>), ApiError> {
    let asset = services.restore_asset(&caller, id).await?;
    let view = services.show_asset(asset, services.now());
    Ok((StatusCode::CREATED, Json(view.into())))
}
