//! Reads the parts of a request that handlers need, each fault in the envelope.

use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use aide::openapi::ReferenceOr;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use runnel_domain::{Room, Services};
use runnel_types::{Fault, FieldFault};
use schemars::JsonSchema;
use serde_json::Value;

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::{body_limit, path, room, weight};

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
    #[expect(dead_code, reason = "held, not looked at")] Option<Room>,
);

/// What the values of a body may take in memory beside their text: some forty
/// thousand small objects, or half a million numbers. Notes of 100 KiB take less
/// than half of it, whatever they consist of.
const VALUES: usize = 32 * 1024 * 1024;

impl<T: Send> FromRequest<Arc<Services>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, ApiError> {
        let (value, room) = read_json(services, request, body_limit::SMALL_JSON_LIMIT).await?;
        Ok(Self(value, Held(PhantomData, room)))
    }
}

impl<T: Send> FromRequest<Arc<Services>> for LargeJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, ApiError> {
        let (value, room) = read_json(services, request, body_limit::JSON_LIMIT).await?;
        Ok(Self(value, Held(PhantomData, room)))
    }
}

async fn read_json(
    services: &Arc<Services>,
    request: Request,
    limit: usize,
) -> Result<(Value, Option<Room>), ApiError> {
    let (mut parts, body) = request.into_parts();
    // Of somebody unknown nothing is read.
    let Authenticated(caller) = Authenticated::from_request_parts(&mut parts, services).await?;
    let org = caller.org_id;
    let bytes = body_limit::read(services, org, &parts.headers, body, limit).await?;
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    if let Some(given) = content_type.filter(|given| !is_json(given) && !bytes.is_empty()) {
        let message = format!("the Content-Type is {given}; send application/json");
        return Err(Fault::unsupported_media_type(message).into());
    }
    let weight = weight::of_values(&bytes, VALUES);
    if weight > VALUES {
        return Err(too_many_values().into());
    }
    let room = room::take(&services.body_memory.parsed, org, bytes.len() + weight).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        // No body and `{}` say the same: nothing is given.
        return Ok((Value::Object(serde_json::Map::new()), room));
    }
    let value = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::bad_request(format!("the body is not valid JSON: {error}")))?;
    Ok((value, room))
}

fn too_many_values() -> Fault {
    let message = format!(
        "the body has too many values: its objects and lists would take more than {} MiB of memory; send fewer in one request, or put them into a file and send it through POST /v1/asset-uploads",
        VALUES / (1024 * 1024)
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
        document_body::<T>(ctx, operation);
    }
}

impl<T: JsonSchema> aide::OperationInput for LargeJsonBody<T> {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        document_body::<T>(ctx, operation);
    }
}

/// Documents a body, which may be left out when nothing in it is required: none is
/// read as `{}`.
fn document_body<T: JsonSchema>(
    ctx: &mut aide::generate::GenContext,
    operation: &mut aide::openapi::Operation,
) {
    <axum::Json<T> as aide::OperationInput>::operation_input(ctx, operation);
    let schema = ctx.schema.subschema_for::<T>();
    let schema = ctx.resolve_schema(&schema);
    let is_needed = ["required", "anyOf"]
        .iter()
        .any(|rule| schema.get(*rule).is_some());
    if let Some(ReferenceOr::Item(body)) = &mut operation.request_body {
        body.required = is_needed;
    }
}

/// The id in a path.
#[derive(Debug)]
pub(crate) struct PathId<T>(pub(crate) T);

/// What a path is about.
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

/// What is wrong with an id that is none.
pub(crate) const NO_UUID: &str = "must be a UUID such as 018f4e1a-0000-7000-8000-000000000001";

/// Answered here, so that no query is ever asked for what is no id.
pub(crate) fn no_id(name: &str) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["path".to_owned(), name.to_owned()],
        rule: "uuid_parsing",
        message: NO_UUID.to_owned(),
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
