//! `GET /v1/webhooks/{id}`: a webhook.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::WebhookId;

use super::WebhookResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.get")
        .tag("Webhooks")
        .summary("Get a webhook")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookResponse>, ApiError> {
    let webhook = services.get_webhook(&caller, id).await?;
    Ok(Json(webhook.into()))
}
