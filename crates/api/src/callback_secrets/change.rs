//! `PATCH /v1/callback-secrets/{id}`: labels or promotes a secret.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::CallbackSecretId;
use schemars::JsonSchema;

use super::CallbackSecretResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::{JsonBody, PathId};

/// What is to change; what is left out stays.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct ChangeCallbackSecretRequest {
    /// What you call it.
    #[schemars(length(max = 255))]
    label: Option<String>,
    /// True makes it the one that signs `Runflow-Signature`.
    is_current: Option<bool>,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("callback_secrets.change")
        .tag("Callback secrets")
        .summary("Label or promote a secret")
}

pub(crate) async fn change(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<CallbackSecretId>,
    JsonBody(body, _): JsonBody<ChangeCallbackSecretRequest>,
) -> Result<Json<CallbackSecretResponse>, ApiError> {
    let secret = services.change_callback_secret(&caller, id, &body).await?;
    Ok(Json(secret.into()))
}
