//! `PUT /storage/{key}`: the bytes of an upload.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use runnel_domain::Services;
use runnel_domain::assets::SignedRequest;

use crate::body_limit::{chunks, drain};
use crate::error::ApiError;

pub(crate) async fn put(
    State(services): State<Arc<Services>>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1]), ApiError> {
    let (parts, mut body) = request.into_parts();
    let signed = SignedRequest {
        method: runnel_domain::assets::Method::Put,
        path: parts
            .uri
            .path()
            .strip_prefix(crate::routes::STORAGE)
            .unwrap_or_default(),
        query: parts.uri.query().unwrap_or_default(),
    };
    let stored = match services.check_upload_url(signed) {
        Ok(grant) => {
            let content_type = parts
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let length = content_length(&parts.headers);
            services
                .receive_upload(&grant, content_type, length, Box::pin(chunks(&mut body)))
                .await
        }
        Err(fault) => Err(fault),
    };
    match stored {
        Ok(stored) => Ok((StatusCode::OK, [(ETAG, stored.etag)])),
        Err(fault) => {
            drain(body).await;
            Err(fault.into())
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
