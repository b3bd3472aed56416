//! `GET /v1/runs/{id}/callback`: the deliveries of a run's callback.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::RunId;

use crate::caller::Authenticated;
use crate::deliveries::DeliveryResponse;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.callback")
        .tag("Runs")
        .summary("List the deliveries of a run's callback")
        .description("Each with every attempt. Empty until the run has ended, or when it has no callback URL.")
}

pub(crate) async fn callback(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
) -> Result<Json<Vec<DeliveryResponse>>, ApiError> {
    let deliveries = services.list_deliveries(&caller, id).await?;
    Ok(Json(deliveries.into_iter().map(Into::into).collect()))
}
