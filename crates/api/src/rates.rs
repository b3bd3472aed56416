//! Tells callers how many requests their organization may still make:
//! `X-RateLimit-*`, and 429.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use runnel_domain::{Allowance, Caller, Services};
use runnel_types::{Fault, Kind};

use crate::body_limit;
use crate::caller::Authenticated;

/// Where the allowance of a request's organization is left, to be told with its
/// answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<OnceLock<Allowance>>);

impl Counted {
    /// Counts the request of a caller who has just been found.
    ///
    /// # Errors
    /// `RATE_LIMITED` when the organization made too many already.
    pub(crate) fn count(&self, services: &Services, caller: &Caller) -> Result<(), Fault> {
        let Some(allowance) = services.rates.count(caller.org_id, services.now()) else {
            return Ok(());
        };
        // One request is counted once, so this is not set before.
        let _ = self.0.set(allowance);
        match allowance.wait {
            None => Ok(()),
            Some(wait) => Err(Fault::rate_limited(format!(
                "this organization may make {} requests a minute here; ask again in {} s",
                allowance.limit,
                wait.as_secs()
            ))),
        }
    }
}

/// Says in the headers of an answer what the caller may still ask.
pub(crate) async fn tell(
    State(services): State<Arc<Services>>,
    mut request: Request,
    next: Next,
) -> Response {
    let counted = Counted::default();
    request.extensions_mut().insert(counted.clone());
    let mut response = match refused(&services, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    };
    if let Some(allowance) = counted.0.get() {
        let headers = response.headers_mut();
        let mut tell = |name: HeaderName, value: i64| {
            headers.insert(name, HeaderValue::from(value));
        };
        let named = HeaderName::from_static;
        tell(named("x-ratelimit-limit"), allowance.limit.into());
        tell(named("x-ratelimit-remaining"), allowance.remaining.into());
        // SPEC: Runflow's documentation, "Rate limits": a Unix timestamp. Rounded
        // up, so that it is true by then.
        let whole_at = allowance.whole_at.as_micros().saturating_add(999_999);
        let whole_at = whole_at.div_euclid(1_000_000);
        tell(named("x-ratelimit-reset"), whole_at);
        if let Some(wait) = allowance.wait {
            let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
            tell(RETRY_AFTER, seconds);
        }
    }
    response
}

/// Counts a request with a body before anything else, so that the body of one that
/// is refused is read: a client that is still sending sees no answer otherwise.
async fn refused(services: &Arc<Services>, request: Request) -> Result<Request, Response> {
    if !services.rates.is_limited() || !matches!(*request.method(), Method::POST | Method::PATCH) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    match Authenticated::from_request_parts(&mut parts, services).await {
        Err(error) if error.0.kind == Kind::RateLimited => {
            body_limit::drain(body).await;
            Err(error.into_response())
        }
        // Of any other fault the handler tells.
        _ => Ok(Request::from_parts(parts, body)),
    }
}
