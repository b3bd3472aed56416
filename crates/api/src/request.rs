//! What happens around every request: its id, its log line, its count.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use runnel_domain::Services;
use runnel_types::{Kind, RequestId};
use tracing::Instrument;

use crate::cors::Question;
use crate::error::Told;

/// The id of a request, for handlers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) RequestId);

/// The longest `X-Request-Id` of a caller that is echoed.
const MAX_ECHO: usize = 255;

/// Notes at the answer which route it is of, for [`observe`]: that is around the
/// look for one.
pub(crate) async fn note_route(path: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(path);
    response
}

/// The name of a method among those that the server knows: a client may send any.
const fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Gives the request its id, echoes the caller's, writes the log line and
/// counts it.
pub(crate) async fn observe(
    State(services): State<Arc<Services>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id: RequestId = services.ids.next();
    request.extensions_mut().insert(Id(id));
    let echo = request
        .headers()
        .get("x-request-id")
        .filter(|value| value.len() <= MAX_ECHO)
        .cloned();
    let method = request.method().clone();
    // The path alone: a query may carry a signature.
    let path = request.uri().path().to_owned();
    let started = services.now();
    let span = tracing::info_span!("request", request.id = %id);
    let mut response = next.run(request).instrument(span).await;
    let ended = services.now();
    let duration_ms = ended.millis_since(started);
    let status = response.status().as_u16();
    let route = response.extensions_mut().remove::<MatchedPath>();
    services.meters.answered(
        name(&method),
        route.as_ref().map_or("none", MatchedPath::as_str),
        status,
        ended.since(started),
    );
    let told = response
        .extensions_mut()
        .remove::<Told>()
        .map(|told| told.0);
    let is_question = response.extensions_mut().remove::<Question>().is_some();
    match told {
        Some(fault) if matches!(fault.kind, Kind::Internal) => {
            tracing::error!(request.id = %id, %method, path, status, duration_ms, cause = fault.detail, "request failed");
        }
        Some(fault) if matches!(fault.kind, Kind::Unavailable) => {
            tracing::warn!(request.id = %id, %method, path, status, duration_ms, cause = fault.detail, "request could not be served");
        }
        // A browser asks before nearly every upload; the upload has its own line.
        _ if is_question => {
            tracing::debug!(request.id = %id, %method, path, status, duration_ms, "preflight");
        }
        _ => tracing::info!(request.id = %id, %method, path, status, duration_ms, "request"),
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("runflow-request-id", value);
    }
    if let Some(echo) = echo {
        response.headers_mut().insert("x-request-id", echo);
    }
    response
}
