//! What is posted below a model: runs and batches.
//!
//! A slug may have several segments, so the last one of the path is told apart
//! here and not by the router.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use runnel_domain::Services;
use runnel_types::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::prefer::PreferredWait;
use crate::{batches, runs};

/// The model in the path.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ModelPath {
    /// The owner, such as `runflow`.
    pub(crate) owner: String,
    /// The slug, such as `background-replace`; it may have several segments.
    pub(crate) slug: String,
}

impl ModelPath {
    /// The model, `owner/slug`.
    pub(crate) fn model(&self) -> String {
        format!("{}/{}", self.owner, self.slug)
    }
}

/// Hands a request to the handler that its path ends in.
pub(crate) async fn post(
    services: State<Arc<Services>>,
    caller: Authenticated,
    Path(ModelPath { owner, slug }): Path<ModelPath>,
    wait: PreferredWait,
    JsonBody(body, _): JsonBody<Value>,
) -> Response {
    let path = |slug: &str| {
        Path(ModelPath {
            owner,
            slug: slug.to_owned(),
        })
    };
    if let Some(slug) = slug.strip_suffix("/runs") {
        runs::create::create(
            services,
            caller,
            path(slug),
            wait,
            JsonBody(body, PhantomData),
        )
        .await
        .into_response()
    } else if let Some(slug) = slug.strip_suffix("/batches") {
        batches::create::create(services, caller, path(slug), JsonBody(body, PhantomData))
            .await
            .into_response()
    } else {
        let message = "there is nothing at this path; runs are created at …/{slug}/runs, batches at …/{slug}/batches";
        ApiError(Fault::not_found("NOT_FOUND", message)).into_response()
    }
}
