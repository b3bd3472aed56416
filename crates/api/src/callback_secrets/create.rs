//! `POST /v1/callback-secrets`: makes a secret.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde::Serialize;

use super::CallbackSecretResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;

/// A secret to be made.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct CreateCallbackSecretRequest {
    /// What you call it.
    #[schemars(length(max = 255))]
    label: Option<String>,
}

/// A secret that was just made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NewCallbackSecretResponse {
    /// The secret itself; it is shown this once.
    plain_secret: String,
    /// Its record.
    #[serde(flatten)]
    record: CallbackSecretResponse,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("callback_secrets.create")
        .tag("Callback secrets")
        .summary("Make a secret that signs callbacks")
        .description("The first one signs `Runflow-Signature` at once, a later one when it is promoted. Every live one signs `webhook-signature`.")
        .response::<201, Json<NewCallbackSecretResponse>>()
}

pub(crate) async fn create(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    JsonBody(body, _): JsonBody<CreateCallbackSecretRequest>,
) -> Result<(StatusCode, Json<NewCallbackSecretResponse>), ApiError> {
    let new = services.create_callback_secret(&caller, &body).await?;
    let response = NewCallbackSecretResponse {
        plain_secret: new.plain,
        record: new.record.into(),
    };
    Ok((StatusCode::CREATED, Json(response)))
}
