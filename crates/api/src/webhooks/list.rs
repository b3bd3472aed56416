//! `GET /v1/webhooks`: the caller's webhooks.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Webhook;

use super::WebhookResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.list")
        .tag("Webhooks")
        .summary("List webhooks")
        .description("Disabled ones too; none with its secret.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<Webhook>,
) -> Result<Listing<WebhookResponse>, ApiError> {
    let page = services.list_webhooks(&caller, &query.request).await?;
    Listing::new(query, page, WebhookResponse::from)
}
