//! `GET /v1/runs`: the caller's runs, newest first.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::page::{ListResponse, Wanted};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.list")
        .tag("Runs")
        .summary("List runs, newest first")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    Wanted(request): Wanted,
) -> Result<Json<ListResponse<RunResponse>>, ApiError> {
    let page = services.list_runs(&caller, request).await?;
    Ok(Json(page.map(RunResponse::from).into()))
}
