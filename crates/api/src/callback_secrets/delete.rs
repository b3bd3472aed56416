//! `DELETE /v1/callback-secrets/{id}`: retires a secret.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::CallbackSecretId;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("callback_secrets.delete")
        .tag("Callback secrets")
        .summary("Delete a secret")
        .description("It signs nothing from now on; its record stays, with the time.")
        .response::<204, ()>()
}

pub(crate) async fn delete(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CallbackSecretId>,
) -> Result<StatusCode, ApiError> {
    services.delete_callback_secret(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
