//! `POST /v1/webhooks/{webhook_id}/deliveries/{id}/redeliveries`: an event is sent again.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_domain::webhooks::DeliveryView;

use super::WebhookDeliveryResponse;
use super::path::DeliveryPath;
use crate::caller::Authenticated;
use crate::error::ApiError;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.redeliver")
        .tag("Webhooks")
        .summary("Send an event to a webhook again")
        .description("A new delivery of the same body, to where the webhook is now. 422 while a delivery of the event is on its way, 409 when the webhook is disabled or deleted.")
        .response::<201, Json<WebhookDeliveryResponse>>()
}

pub(crate) async fn redeliver(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    DeliveryPath(webhook, id): DeliveryPath,
) -> Result<(StatusCode, Json<WebhookDeliveryResponse>), ApiError> {
    let delivery = services.redeliver_webhook(&caller, webhook, id).await?;
    let view = DeliveryView::from(delivery);
    Ok((StatusCode::CREATED, Json(view.into())))
}
