//! `POST /v1/runs/{id}/callback-redeliveries`: a run's end is told again.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::RunId;

use crate::caller::Authenticated;
use crate::deliveries::DeliveryResponse;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.redeliver")
        .tag("Runs")
        .summary("Send a run's callback again")
        .description(
            "A new delivery, built from the run as it is now. 422 when the run has not ended, has no callback URL, or a delivery is still on its way.",
        )
        .response::<201, Json<DeliveryResponse>>()
}

pub(crate) async fn redeliver(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
) -> Result<(StatusCode, Json<DeliveryResponse>), ApiError> {
    let delivery = services.redeliver_run(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(delivery.into())))
}
