//! Reads what a request's path has at the names of its route, each fault in the
//! envelope. The one file with axum's own `Path`, whose refusals are plain text:
//! clippy.toml refuses it everywhere else.

#![expect(
    clippy::disallowed_types,
    reason = "its refusals are turned into the envelope here"
)]

use std::sync::Arc;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::Fault;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The names in a path: `T` has a text for each, and is their documentation.
#[derive(Debug)]
pub(crate) struct PathNames<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Services>> for PathNames<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Services>) -> Result<Self, ApiError> {
        Ok(Self(read(parts, no_text).await?))
    }
}

impl<T: JsonSchema> aide::OperationInput for PathNames<T> {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        document::<T>(ctx, operation);
    }
}

/// What the path has at the names of its route; `no_text` says what is wrong with
/// the one, told by its name, whose bytes are no UTF-8.
pub(crate) async fn read<T: DeserializeOwned + Send>(
    parts: &mut Parts,
    no_text: impl Fn(&str) -> Fault + Send,
) -> Result<T, Fault> {
    let rejection = match Path::<T>::from_request_parts(parts, &()).await {
        Ok(Path(read)) => return Ok(read),
        Err(rejection) => rejection,
    };
    if let PathRejection::FailedToDeserializePathParams(failure) = &rejection
        && let ErrorKind::InvalidUtf8InPathParam { key } = failure.kind()
    {
        return Err(no_text(key));
    }
    // Any text is taken for a text, so that `T` and the route must disagree.
    Err(Fault::internal(rejection))
}

/// Documents the names in a path, which are the fields of `T`.
pub(crate) fn document<T: JsonSchema>(
    ctx: &mut aide::generate::GenContext,
    operation: &mut aide::openapi::Operation,
) {
    <Path<T> as aide::OperationInput>::operation_input(ctx, operation);
}

/// SPEC: media.md, "Errors": what cannot be read at all is 400.
fn no_text(name: &str) -> Fault {
    Fault::bad_request(format!(
        "the {name} in the path holds bytes that are no UTF-8; percent-encode it as UTF-8, such as %C3%A9 for é"
    ))
}
