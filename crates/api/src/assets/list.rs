//! `GET /v1/assets`: the caller's assets.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Asset;

use super::AssetResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};
use crate::parameters;

pub(crate) fn docs(mut operation: TransformOperation<'_>) -> TransformOperation<'_> {
    parameters::document_embed(operation.inner_mut());
    operation
        .id("assets.list")
        .tag("Assets")
        .summary("List assets")
        .description("The newest first, unless `sort_by` says otherwise. `folder_id=null` finds those at the top.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<Asset>,
) -> Result<Listing<AssetResponse>, ApiError> {
    let page = services.list_assets(&caller, &query.request).await?;
    let creators = if query.shape.embeds_creator {
        Some(services.creators(&caller).await?)
    } else {
        None
    };
    Listing::new(query, page, |view| {
        AssetResponse::from(view).with_creator(creators.as_ref())
    })
}
