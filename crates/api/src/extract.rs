//! Reads the parts of a request that handlers need, each fault in the envelope.

use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::{Fault, FieldFault};
use schemars::JsonSchema;
use serde_json::Value;

use crate::error::ApiError;
use crate::room::{self, Taken};
use crate::{body_limit, path, weight};

/// A JSON body. `T` is its documentation; the rules read the value itself, so
/// that they can name every wrong field at once. It has as many bytes as fields
/// and notes need; files go another way, or into a [`LargeJsonBody`].
#[derive(Debug)]
pub(crate) struct JsonBody<T>(
    pub(crate) Value,
    #[expect(dead_code, reason = "held, not looked at")] pub(crate) Held<T>,
);

/// The same with room for files as `data:` URIs, and for a hundred inputs.
#[derive(Debug)]
pub(crate) struct LargeJsonBody<T>(
    pub(crate) Value,
    #[expect(dead_code, reason = "held, not looked at")] pub(crate) Held<T>,
);

/// The memory that a body takes of what there is for all, until its handler ends:
/// a part of an argument that a pattern passes over is dropped last.
#[derive(Debug)]
pub(crate) struct Held<T>(
    PhantomData<T>,
    #[expect(dead_code, reason = "held, not looked at")] Taken,
);

/// How large a body may be.
struct Bounds {
    bytes: usize,
    /// What its values may take in memory beside their text.
    values: usize,
}

/// Notes of 100 KiB fit, whatever they consist of.
const SMALL: Bounds = Bounds {
    bytes: body_limit::SMALL_JSON_LIMIT,
    values: 16 * 1024 * 1024,
};

/// Some forty thousand small objects, or half a million numbers.
const LARGE: Bounds = Bounds {
    bytes: body_limit::JSON_LIMIT,
    values: 32 * 1024 * 1024,
};

impl<T: Send> FromRequest<Arc<Services>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Services>) -> Result<Self, ApiError> {
        let (value, taken) = read_json(request, SMALL).await?;
        Ok(Self(value, Held(PhantomData, taken)))
    }
}

impl<T: Send> FromRequest<Arc<Services>> for LargeJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Services>) -> Result<Self, ApiError> {
        let (value, taken) = read_json(request, LARGE).await?;
        Ok(Self(value, Held(PhantomData, taken)))
    }
}

async fn read_json(request: Request, bounds: Bounds) -> Result<(Value, Taken), Fault> {
    let (parts, body) = request.into_parts();
    let bytes = body_limit::read(&parts.headers, body, bounds.bytes).await?;
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    if let Some(given) = content_type.filter(|given| !is_json(given) && !bytes.is_empty()) {
        let message = format!("the Content-Type is {given}; send application/json");
        return Err(Fault::unsupported_media_type(message));
    }
    let weight = weight::of_values(&bytes, bounds.values);
    if weight > bounds.values {
        return Err(too_many_values(bounds.values));
    }
    let taken = room::PARSED.take(bytes.len() + weight).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        // No body and `{}` say the same: nothing is given.
        return Ok((Value::Object(serde_json::Map::new()), taken));
    }
    let value = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::bad_request(format!("the body is not valid JSON: {error}")))?;
    Ok((value, taken))
}

fn too_many_values(limit: usize) -> Fault {
    let message = format!(
        "the body has too many values: its objects and lists would take more than {} MiB of memory; send fewer in one request, or put them into a file and send it through POST /v1/asset-uploads",
        limit / (1024 * 1024)
    );
    Fault::invalid(vec![FieldFault {
        loc: vec!["body".to_owned()],
        rule: "too_many_values",
        message,
    }])
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

impl<T: JsonSchema> aide::OperationInput for LargeJsonBody<T> {
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

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Services>) -> Result<Self, ApiError> {
        let text: String = path::read(parts, no_id).await?;
        Ok(Self(read_id("id", &text)?))
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
pub(crate) fn no_id(name: &str) -> Fault {
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
        path::document::<IdInPath>(ctx, operation);
    }
}
