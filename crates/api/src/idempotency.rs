//! `Idempotency-Key` on every POST: the first answer is given again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use runnel_domain::{Begun, Caller, Services};
use runnel_types::{Answer, Fault};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::body_limit;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::form;

/// The header with the key.
const KEY: &str = "idempotency-key";

/// Set on an answer that was given before.
const REPLAYED: &str = "idempotent-replayed";

/// SHA-256 over a body that is not kept in memory, told by its handler.
#[derive(Debug, Clone)]
pub(crate) struct BodyFingerprint(pub(crate) String);

/// Runs a request with a key at most once.
pub(crate) async fn once(
    State(services): State<Arc<Services>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let found = Authenticated::from_request_parts(&mut parts, &services).await;
    let mut caller = match found {
        Ok(Authenticated(caller)) => caller,
        Err(error) => return error.into_response(),
    };
    let mut keys = parts.headers.get_all(KEY).iter().map(HeaderValue::to_str);
    let key = match (keys.next(), keys.next()) {
        (Some(Ok(key)), None) => key.to_owned(),
        // Other letters than ASCII, and two keys at once, count as none.
        _ => String::new(),
    };
    caller.idempotency_key = Some(key.clone());
    let held = Held {
        services,
        caller,
        key,
    };
    match held.answer(parts, body, next).await {
        Ok(response) => response,
        Err(fault) => ApiError(fault).into_response(),
    }
}

/// A request that brought a key.
struct Held {
    services: Arc<Services>,
    caller: Caller,
    key: String,
}

impl Held {
    async fn answer(self, mut parts: Parts, body: Body, next: Next) -> Result<Response, Fault> {
        let is_form = form::is_form(&parts.headers);
        let asked = self.asked(&parts);
        let (fingerprint, body) = if is_form {
            (asked.clone(), body)
        } else {
            let bytes = body_limit::read(
                &self.services,
                self.caller.org_id,
                &parts.headers,
                body,
                body_limit::JSON_LIMIT,
            )
            .await?;
            (with_body(&asked, &bytes), Body::from(bytes))
        };
        let begun = match self
            .services
            .take_key(&self.caller, &self.key, &fingerprint)
            .await
        {
            Ok(begun) => begun,
            Err(fault) => {
                // A client that is still sending a file reads no answer.
                body_limit::drain(body).await;
                return Err(fault);
            }
        };
        if let Begun::Used(used) = begun {
            let fingerprint = if is_form {
                let request = Request::from_parts(parts, body);
                form::digest(&self.services, request)
                    .await
                    .map(|digest| with_body(&asked, digest.as_bytes()))?
            } else {
                fingerprint
            };
            let again = self
                .services
                .answer_again(&self.caller, &self.key, used, &fingerprint);
            return replay(again?);
        }
        parts.extensions.insert(self.caller.clone());
        let request = Request::from_parts(parts, body);
        // A client that goes away now does not stop what it asked for: the
        // answer has to be there when it asks again.
        let working = async move {
            let answering = async {
                let response = next.run(request).await;
                self.keep(response, asked, (!is_form).then_some(fingerprint))
                    .await
            };
            // Side by side: a heartbeat that the work had to wait for could itself
            // wait for a transaction that the work has open, for ever.
            tokio::select! {
                answered = answering => answered,
                never = self.services.hold_key(&self.caller, &self.key) => match never {},
            }
        };
        tokio::spawn(working.in_current_span())
            .await
            .map_err(Fault::internal)?
    }

    /// What is asked for, apart from the body, and by whom: another key to the
    /// API may not be allowed to see the same answer.
    fn asked(&self, parts: &Parts) -> String {
        let target = parts
            .uri
            .path_and_query()
            .map_or(parts.uri.path(), axum::http::uri::PathAndQuery::as_str);
        hex::encode(Sha256::digest(format!("{} {target}", self.caller.key_id())))
    }

    async fn keep(
        &self,
        response: Response,
        asked: String,
        fingerprint: Option<String>,
    ) -> Result<Response, Fault> {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(Fault::internal)?.to_bytes();
        // A form that was refused half-way has no fingerprint to know it by.
        let fingerprint = match parts.extensions.get::<BodyFingerprint>() {
            Some(told) => Some(with_body(&asked, told.0.as_bytes())),
            None => fingerprint,
        };
        let kept = fingerprint.filter(|_| is_final(parts.status));
        let answer = kept.is_some().then(|| Answer {
            status: parts.status.as_u16(),
            content_type: parts
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        });
        let ended = self
            .services
            .end_once(
                &self.caller,
                &self.key,
                kept.as_deref().unwrap_or_default(),
                answer,
            )
            .await;
        if let Err(fault) = ended {
            // The work is done and marked so; only its answer cannot be given again.
            tracing::warn!(%fault, "the answer to a request with an Idempotency-Key could not be kept");
        }
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }
}

/// Whether the same request would be answered the same way for ever: what was
/// done, and refusals of what is asked. Other refusals pass, or depend on the
/// body having arrived whole; nothing was done then, and it may be tried again.
fn is_final(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::GONE
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
                | StatusCode::UNPROCESSABLE_ENTITY
        )
}

fn with_body(asked: &str, body: &[u8]) -> String {
    let hasher = Sha256::new().chain_update(asked).chain_update(body);
    hex::encode(hasher.finalize())
}

fn replay(answer: Answer) -> Result<Response, Fault> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(REPLAYED, "true");
    if !answer.content_type.is_empty() {
        response = response.header(CONTENT_TYPE, answer.content_type);
    }
    response
        .body(Body::from(answer.body))
        .map_err(Fault::internal)
}
