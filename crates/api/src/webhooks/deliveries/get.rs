//! `GET /v1/webhooks/{webhook_id}/deliveries/{id}`: a delivery.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;

use super::WebhookDeliveryResponse;
use super::path::DeliveryPath;
use crate::caller::Authenticated;
use crate::error::ApiError;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.delivery")
        .tag("Webhooks")
        .summary("Get what was sent to a webhook")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    DeliveryPath(webhook, id): DeliveryPath,
) -> Result<Json<WebhookDeliveryResponse>, ApiError> {
    let view = services.get_webhook_delivery(&caller, webhook, id).await?;
    Ok(Json(view.into()))
}
