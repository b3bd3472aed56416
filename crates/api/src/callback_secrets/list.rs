//! `GET /v1/callback-secrets`: the caller's secrets.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::CallbackSecret;

use super::CallbackSecretResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("callback_secrets.list")
        .tag("Callback secrets")
        .summary("List the secrets that sign callbacks")
        .description("Deleted ones too, which say when they were; none with the secret itself.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<CallbackSecret>,
) -> Result<Listing<CallbackSecretResponse>, ApiError> {
    let page = services
        .list_callback_secrets(&caller, &query.request)
        .await?;
    Listing::new(query, page, CallbackSecretResponse::from)
}
