//! `PATCH /v1/webhooks/{id}`: changes a webhook.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::WebhookId;
use schemars::JsonSchema;

use super::{SubscriptionRequest, WebhookResponse};
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// What is to change; what is left out stays.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct ChangeWebhookRequest {
    /// Where events go; what waits for its next attempt goes there too.
    #[schemars(length(max = 2048))]
    url: Option<String>,
    /// Another secret, which signs from the next attempt on.
    #[schemars(length(min = 16, max = 255))]
    secret: Option<String>,
    /// What you call it.
    #[schemars(length(max = 255))]
    name: Option<String>,
    /// What it hears of; everything when it is empty.
    event_subscriptions: Option<Vec<SubscriptionRequest>>,
    /// The same in short.
    event_types: Option<Vec<String>>,
    /// Null enables the webhook; a time disables it at once.
    disabled_at: Option<String>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.change")
        .tag("Webhooks")
        .summary("Change, enable or disable a webhook")
        .description("What waits for a webhook ends when it is disabled. One that is enabled hears of what happens from then on, and nothing is left of its failing.")
}

pub(crate) async fn change(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<WebhookId>,
    JsonBody(body, _): JsonBody<ChangeWebhookRequest>,
) -> Result<Json<WebhookResponse>, ApiError> {
    let webhook = services.change_webhook(&caller, id, &body).await?;
    Ok(Json(webhook.into()))
}
