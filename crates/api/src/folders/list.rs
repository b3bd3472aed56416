//! `GET /v1/asset-folders`: the caller's folders.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::Folder;

use super::FolderResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("folders.list")
        .tag("Folders")
        .summary("List folders")
        .description("Of the whole tree, the newest first, unless `sort_by` says otherwise. `parent_id` is a parameter of its own too: `parent_id=null` gives the folders at the top.")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<Folder>,
) -> Result<Listing<FolderResponse>, ApiError> {
    let page = services.list_folders(&caller, &query.request).await?;
    Listing::new(query, page, FolderResponse::from)
}
