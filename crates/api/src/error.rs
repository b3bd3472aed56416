//! From a fault to an answer: one table from kind to status, one envelope.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use runnel_types::{Fault, FieldFault, Kind};
use schemars::JsonSchema;
use serde::Serialize;

/// After how many seconds a client is to ask again for what is away now.
const RETRY_AFTER_S: &str = "5";

/// A fault on its way out.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Fault);

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

/// The body of every answer with a status of 400 or more.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorBody {
    /// A stable code, such as `ASSET_NOT_FOUND`.
    code: &'static str,
    /// What happened and what to do.
    message: String,
    /// The wrong fields, with 422.
    errors: Option<Vec<FieldError>>,
}

/// One wrong field.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FieldError {
    /// Where it is: `body`, `query` or `path` first.
    loc: Vec<String>,
    /// What is wrong with it.
    msg: String,
    /// A stable word for the rule that it breaks.
    #[serde(rename = "type")]
    rule: &'static str,
    /// The path dotted, without its first part.
    field: String,
    /// The same text as `msg`.
    message: String,
}

impl From<FieldFault> for FieldError {
    fn from(fault: FieldFault) -> Self {
        Self {
            field: fault.field(),
            loc: fault.loc,
            msg: fault.message.clone(),
            rule: fault.rule,
            message: fault.message,
        }
    }
}

/// The status of a kind of fault.
pub(crate) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::BadRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::PermissionDenied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::UnknownVersion => StatusCode::PRECONDITION_FAILED,
        Kind::Locked => StatusCode::LOCKED,
        // SPEC: tus 1.0, checksum extension; the number is not one of HTTP's own.
        Kind::Corrupted => StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let fault = self.0;
        let is_invalid = fault.kind == Kind::Invalid;
        let body = ErrorBody {
            code: fault.code,
            message: fault.message.clone(),
            errors: is_invalid.then(|| fault.fields.iter().cloned().map(Into::into).collect()),
        };
        let mut response = (status(fault.kind), Json(body)).into_response();
        if fault.kind == Kind::Unauthorized {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(axum::http::header::WWW_AUTHENTICATE, challenge);
        }
        if fault.kind == Kind::Unavailable {
            let soon = axum::http::HeaderValue::from_static(RETRY_AFTER_S);
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, soon);
        }
        // The log line of the request tells the cause; see `request::observe`.
        response.extensions_mut().insert(Told(fault));
        response
    }
}

/// The fault behind an answer, for the request's log line.
#[derive(Debug, Clone)]
pub(crate) struct Told(pub(crate) Fault);

impl aide::OperationOutput for ApiError {
    type Inner = ErrorBody;

    fn operation_response(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Option<aide::openapi::Response> {
        Json::<ErrorBody>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Self::operation_response(ctx, operation)
            .map(|response| (None, response))
            .into_iter()
            .collect()
    }
}
