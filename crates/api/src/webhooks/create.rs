//! `POST /v1/webhooks`: makes a webhook.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde::Serialize;

use super::{SubscriptionRequest, WebhookResponse};
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;

/// A webhook to be made.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateWebhookRequest {
    /// Where events go, with http or https.
    #[schemars(length(max = 2048))]
    url: String,
    /// What signs them; one is made when it is left out.
    #[schemars(length(min = 16, max = 255))]
    secret: Option<String>,
    /// What you call it.
    #[schemars(length(max = 255))]
    name: Option<String>,
    /// What it hears of; everything when it is left out or empty.
    event_subscriptions: Option<Vec<SubscriptionRequest>>,
    /// The same in short, such as `["run.completed"]`.
    event_types: Option<Vec<String>>,
}

/// A webhook that was just made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NewWebhookResponse {
    /// Its secret, when none was given; it is shown this once.
    plain_secret: Option<String>,
    /// Its record.
    #[serde(flatten)]
    record: WebhookResponse,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.create")
        .tag("Webhooks")
        .summary("Make a webhook")
        .description("It hears of what happens in the organization from now on: each event is a POST to its URL, signed with its secret.")
        .response::<201, Json<NewWebhookResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    JsonBody(body, _): JsonBody<CreateWebhookRequest>,
) -> Result<(StatusCode, Json<NewWebhookResponse>), ApiError> {
    let new = services.create_webhook(&caller, &body).await?;
    let response = NewWebhookResponse {
        plain_secret: new.plain,
        record: new.record.into(),
    };
    Ok((StatusCode::CREATED, Json(response)))
}
