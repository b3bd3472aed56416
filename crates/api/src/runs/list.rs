//! `GET /v1/runs`: the caller's runs.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Run;

use super::RunResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.list")
        .tag("Runs")
        .summary("List runs")
        .description("The newest first, unless `sort_by` says otherwise.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<Run>,
) -> Result<Listing<RunResponse>, ApiError> {
    let page = services.list_runs(&caller, &query.request).await?;
    Listing::new(query, page, RunResponse::from)
}
