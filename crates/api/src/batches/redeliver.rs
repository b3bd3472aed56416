//! `POST /v1/batches/{id}/callback-redeliveries`: a batch's end is told again.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::BatchId;

use crate::caller::Authenticated;
use crate::deliveries::DeliveryResponse;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.redeliver")
        .tag("Batches")
        .summary("Send a batch's callback again")
        .description(
            "A new delivery, built from the batch as it is now. 422 when the batch has not ended, has no callback URL, or a delivery is still on its way.",
        )
        .response::<201, Json<DeliveryResponse>>()
}

pub(crate) async fn redeliver(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<BatchId>,
) -> Result<(StatusCode, Json<DeliveryResponse>), ApiError> {
    let delivery = services.redeliver_batch(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(delivery.into())))
}
