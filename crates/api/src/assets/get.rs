//! `GET /v1/assets/{id}`: an asset.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::AssetId;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.get")
        .tag("Assets")
        .summary("Get an asset")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
) -> Result<Json<AssetResponse>, ApiError> {
    let asset = services.get_asset(&caller, id).await?;
    Ok(Json(services.show_asset(asset, services.now()).into()))
}
