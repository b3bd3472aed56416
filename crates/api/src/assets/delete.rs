//! `DELETE /v1/assets/{id}`: deletes an asset, which may be restored for a while.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::AssetId;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.delete")
        .tag("Assets")
        .summary("Delete an asset")
        .description("It leaves lists and its URLs stop working at once. Its bytes are kept for a while, in which it can be restored.")
        .response::<204, ()>()
}

pub(crate) async fn delete(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<AssetId>,
) -> Result<StatusCode, ApiError> {
    services.delete_asset(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
