//! `DELETE /v1/webhooks/{id}`: deletes a webhook.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::WebhookId;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.delete")
        .tag("Webhooks")
        .summary("Delete a webhook")
        .description("What waits for it ends. Its deliveries stay, below the webhook `any`.")
        .response::<204, ()>()
}

pub(crate) async fn delete(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, ApiError> {
    services.delete_webhook(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
