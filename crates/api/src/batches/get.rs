//! `GET /v1/batches/{id}`: a batch with its items.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::BatchId;

use super::BatchResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.get")
        .tag("Batches")
        .summary("Get a batch")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<BatchId>,
) -> Result<Json<BatchResponse>, ApiError> {
    Ok(Json(services.get_batch(&caller, id).await?.into()))
}
