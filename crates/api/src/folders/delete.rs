//! `DELETE /v1/asset-folders/{id}`: deletes a folder.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use runnel_domain::Services;
use runnel_types::FolderId;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;
use crate::{page, parameters};

pub(crate) fn docs(mut operation: TransformOperation<'_>) -> TransformOperation<'_> {
    parameters::document_recursive(operation.inner_mut());
    operation
        .id("folders.delete")
        .tag("Folders")
        .summary("Delete a folder")
        .description("Only when it is empty, unless `recursive=true`: then the folders and assets in it are deleted too. The assets can be restored for a while.")
        .response::<204, ()>()
}

pub(crate) async fn delete(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<FolderId>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, ApiError> {
    let mut recursive = false;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "recursive" {
            recursive = page::flag("recursive", &value)?;
        }
    }
    services.delete_folder(&caller, id, recursive).await?;
    Ok(StatusCode::NO_CONTENT)
}
