//! `GET /v1/models`: the catalogue.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::ModelSpec;

use super::ModelResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("models.list")
        .tag("Models")
        .summary("List models")
        .description(
            "What can be run: the models that ship, and those of the operator. Any key may ask.",
        )
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<ModelSpec>,
) -> Result<Listing<ModelResponse>, ApiError> {
    let page = services.list_models(&caller, &query.request).await;
    Listing::new(query, page, ModelResponse::from)
}
