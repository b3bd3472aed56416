//! `GET /v1/runs/{id}`: a run.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::RunId;

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.id("runs.get").tag("Runs").summary("Get a run")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
) -> Result<Json<RunResponse>, ApiError> {
    Ok(Json(services.get_run(&caller, id).await?.into()))
}
