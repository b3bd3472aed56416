//! `GET /v1/webhooks/{webhook_id}/deliveries`: what was sent to a webhook.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::WebhookDelivery;

use super::WebhookDeliveryResponse;
use super::path::OfWebhook;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.deliveries")
        .tag("Webhooks")
        .summary("List what was sent to a webhook")
        .description("With every attempt. With `any` in the place of the webhook, what was sent to all of them, deleted ones too.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    OfWebhook(webhook): OfWebhook,
    query: ListQuery<WebhookDelivery>,
) -> Result<Listing<WebhookDeliveryResponse>, ApiError> {
    let page = services
        .list_webhook_deliveries(&caller, webhook, &query.request)
        .await?;
    Listing::new(query, page, WebhookDeliveryResponse::from)
}
