//! `GET /v1/assets/{id}`: an asset.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{RawQuery, State};
use runnel_domain::Services;
use runnel_types::AssetId;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::{list, parameters};

pub(crate) fn docs(mut operation: TransformOperation<'_>) -> TransformOperation<'_> {
    parameters::document_embed(operation.inner_mut());
    operation
        .id("assets.get")
        .tag("Assets")
        .summary("Get an asset")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
    RawQuery(query): RawQuery,
) -> Result<Json<AssetResponse>, ApiError> {
    let mut embeds_creator = false;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "embed" {
            embeds_creator = list::embeds_creator(&value)?;
        }
    }
    let asset = services.get_asset(&caller, id).await?;
    let response = AssetResponse::from(services.show_asset(asset, services.now()));
    let creators = if embeds_creator {
        Some(services.creators(&caller).await?)
    } else {
        None
    };
    Ok(Json(response.with_creator(creators.as_ref())))
}
