//! `GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/attempts`: what was tried.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Attempt;

use super::WebhookAttemptResponse;
use super::path::OfDelivery;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.attempts")
        .tag("Webhooks")
        .summary("List the attempts of a delivery")
        .description("The first one first, unless another order is asked for.")
}

pub(crate) async fn attempts(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    OfDelivery(webhook, delivery): OfDelivery,
    query: ListQuery<Attempt>,
) -> Result<Listing<WebhookAttemptResponse>, ApiError> {
    let page = services
        .list_webhook_attempts(&caller, webhook, delivery, &query.request)
        .await?;
    Listing::new(query, page, WebhookAttemptResponse::from)
}
