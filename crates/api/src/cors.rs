//! Which pages may call the server from a browser (CORS).

use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::ACCESS_CONTROL_REQUEST_METHOD;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tower::ServiceExt;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Headers that pages may send.
const ALLOWED: &[&str] = &[
    "accept",
    "authorization",
    "content-type",
    "if-none-match",
    "range",
    "idempotency-key",
    "last-event-id",
    "prefer",
    "tus-resumable",
    "upload-checksum",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "x-http-method-override",
    "x-organization-id",
    "x-request-id",
];

/// Headers that pages may read.
const EXPOSED: &[&str] = &[
    "content-range",
    "etag",
    "location",
    "retry-after",
    "idempotent-replayed",
    "preference-applied",
    "runflow-request-id",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-expires",
    "upload-length",
    "upload-offset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Marks the answer to a browser's question, for its log line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question;

/// Keeps an `OPTIONS` that no browser asks on a page's behalf from the layer,
/// which would answer it: it is a request to `plain` like any other.
pub(crate) async fn only_questions(plain: Router, request: Request, next: Next) -> Response {
    let is_question = request
        .headers()
        .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    if is_question {
        let mut answer = next.run(request).await;
        answer.extensions_mut().insert(Question);
        return answer;
    }
    let answered = plain.oneshot(request).await;
    answered.unwrap_or_else(|never| match never {})
}

/// Whose pages may call the server; nobody's by default. Read from a list such
/// as `https://app.example.com,http://localhost:3000`, or `*` for everybody's:
/// no cookie is ever a credential here, so that a page needs a key either way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors(Vec<HeaderValue>);

/// A text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin; an origin is a scheme, a host and perhaps a port, without a path")]
pub struct BadOrigin(String);

impl FromStr for Cors {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let given: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .collect();
        if given == ["*"] {
            return Ok(Self(vec![HeaderValue::from_static("*")]));
        }
        given
            .into_iter()
            .map(origin)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn origin(text: &str) -> Result<HeaderValue, BadOrigin> {
    let bad = || BadOrigin(text.to_owned());
    let parsed = url::Url::parse(text).map_err(|_| bad())?;
    let is_plain = parsed.path() == "/"
        && parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.origin().is_tuple();
    if !is_plain {
        return Err(bad());
    }
    // As a browser writes it: without the port that the scheme implies.
    HeaderValue::from_str(&parsed.origin().ascii_serialization()).map_err(|_| bad())
}

fn names(of: &[&'static str]) -> Vec<HeaderName> {
    of.iter().copied().map(HeaderName::from_static).collect()
}

impl Cors {
    /// What answers browsers' questions; `None` when no page may call.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let origins = if self.0 == ["*"] {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(self.0.iter().cloned())
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers(names(ALLOWED))
            .expose_headers(names(EXPOSED))
            .max_age(REMEMBERED);
        Some(layer)
    }
}
