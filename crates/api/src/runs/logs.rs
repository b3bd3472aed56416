//! `GET /v1/runs/{id}/logs`: what happened in a run.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::{RunId, RunLog};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::page::{ListResponse, Wanted};

/// A line of a run's log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunLogResponse {
    /// The line.
    id: Uuid,
    /// Its place among the run's lines, from 1.
    sequence: i64,
    /// `debug`, `info`, `warning` or `error`.
    level: &'static str,
    /// What it says.
    message: String,
    /// When it was written.
    created_at: String,
}

impl From<RunLog> for RunLogResponse {
    fn from(log: RunLog) -> Self {
        Self {
            id: log.id.as_uuid(),
            sequence: log.sequence,
            level: log.level.as_str(),
            message: log.message,
            created_at: log.created_at.to_rfc3339(),
        }
    }
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.logs")
        .tag("Runs")
        .summary("List the log of a run")
}

pub(crate) async fn logs(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
    Wanted(request): Wanted,
) -> Result<Json<ListResponse<RunLogResponse>>, ApiError> {
    let page = services.list_run_logs(&caller, id, request).await?;
    Ok(Json(page.map(RunLogResponse::from).into()))
}
