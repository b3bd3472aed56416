//! `GET /v1/batches`: the caller's batches.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Batch;

use super::BatchResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("batches.list")
        .tag("Batches")
        .summary("List batches")
        .description(
            "The newest first, unless `sort_by` says otherwise. `items`, `input` and `output` are null here; read them from a batch or from its items.",
        )
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<Batch>,
) -> Result<Listing<BatchResponse>, ApiError> {
    let page = services.list_batches(&caller, &query.request).await?;
    Listing::new(query, page, BatchResponse::from)
}
