//! `POST /v1/webhooks/{id}/test`: sends a webhook a test.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_domain::webhooks::DeliveryView;
use runnel_types::WebhookId;

use super::deliveries::WebhookDeliveryResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.test")
        .tag("Webhooks")
        .summary("Send a test to a webhook")
        .description("A `webhook.test`, whatever the webhook hears of. 409 when it is disabled.")
        .response::<201, Json<WebhookDeliveryResponse>>()
}

pub(crate) async fn test(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<WebhookId>,
) -> Result<(StatusCode, Json<WebhookDeliveryResponse>), ApiError> {
    let delivery = services.test_webhook(&caller, id).await?;
    let view = DeliveryView::from(delivery);
    Ok((StatusCode::CREATED, Json(view.into())))
}
