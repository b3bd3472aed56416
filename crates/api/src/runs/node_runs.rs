//! `GET /v1/runs/{id}/node-runs`: the steps of a run, of which a model has none.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::RunId;
use serde_json::Value;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::page::{ListResponse, Wanted};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.node_runs")
        .tag("Runs")
        .summary("List the steps of a run")
        .description("Always empty: the run of a model has no steps.")
}

pub(crate) async fn node_runs(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
    Wanted(_): Wanted,
) -> Result<Json<ListResponse<Value>>, ApiError> {
    services.check_run(&caller, id).await?;
    Ok(Json(ListResponse::new(Vec::new(), None, None)))
}
