//! `GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/attempts/{id}`: an attempt.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;

use super::WebhookAttemptResponse;
use super::path::AttemptPath;
use crate::caller::Authenticated;
use crate::error::ApiError;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.attempt")
        .tag("Webhooks")
        .summary("Get an attempt of a delivery")
}

pub(crate) async fn attempt(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    AttemptPath(webhook, delivery, id): AttemptPath,
) -> Result<Json<WebhookAttemptResponse>, ApiError> {
    let view = services
        .get_webhook_attempt(&caller, webhook, delivery, id)
        .await?;
    Ok(Json(view.into()))
}
