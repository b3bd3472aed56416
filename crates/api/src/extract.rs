//! Reads the parts of a request that handlers need, each fault in the envelope.

use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::{Fault, FieldFault};
use schemars::JsonSchema;
use serde_json::Value;

use crate::body_limit;
use crate::error::ApiError;

/// A JSON body. `T` is its documentation; the rules read the value itself, so
/// that they can name every wrong field at once.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) Value, pub(crate) PhantomData<T>);

impl<T: Send> FromRequest<Arc<Services>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Services>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = body_limit::read(&parts.headers, body, body_limit::JSON_LIMIT).await?;
        let content_type = parts
            .headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or("?"));
        if let Some(given) = content_type.filter(|given| !is_json(given) && !bytes.is_empty()) {
            let message = format!("the Content-Type is {given}; send application/json");
            return Err(Fault::unsupported_media_type(message).into());
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            // No body and `{}` say the same: nothing is given.
            return Ok(Self(Value::Object(serde_json::Map::new()), PhantomData));
        }
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Fault::bad_request(format!("the body is not valid JSON: {error}")))?;
        Ok(Self(value, PhantomData))
    }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

impl<T: JsonSchema> aide::OperationInput for JsonBody<T> {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        axum::Json::<T>::operation_input(ctx, operation);
    }
}

/// The id in a path.
#[derive(Debug)]
pub(crate) struct PathId<T>(pub(crate) T);

/// The documentation of [`PathId`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct IdInPath {
    /// The id.
    id: uuid::Uuid,
}

impl<T: FromStr> FromRequestParts<Arc<Services>> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, services).await {
            Ok(Path(text)) => Ok(Self(read_id("id", &text)?)),
            Err(_) => Err(no_id("id").into()),
        }
    }
}

/// The id that the path has at `name`.
pub(crate) fn read_id<T: FromStr>(name: &str, text: &str) -> Result<T, Fault> {
    // Only the plain form with dashes: other spellings of the same id would be
    // other cache keys and other log lines.
    if text.len() != 36 {
        return Err(no_id(name));
    }
    text.parse().map_err(|_| no_id(name))
}

/// Answered here, so that no query is ever asked for what is no id.
fn no_id(name: &str) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["path".to_owned(), name.to_owned()],
        rule: "uuid_parsing",
        message: "must be a UUID such as 018f4e1a-0000-7000-8000-000000000001".to_owned(),
    }])
}

impl<T> aide::OperationInput for PathId<T> {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        Path::<IdInPath>::operation_input(ctx, operation);
    }
}
