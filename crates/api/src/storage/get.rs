//! `GET` and `HEAD /storage/{key}`: the bytes of an asset, its thumbnail, or
//! what a transform makes of it. A `HEAD` on the URL of an upload asks how far
//! that has come.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use runnel_domain::Services;
use runnel_domain::assets::{self, Opened, RangeError, SignedRequest};
use runnel_types::Fault;

use super::outgoing::Outgoing;
use crate::error::ApiError;

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    request: Request,
) -> Result<Response, ApiError> {
    if super::tus::is_meant(&request) {
        return Ok(super::tus::serve(State(services), request).await);
    }
    let (parts, _) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let signed = SignedRequest {
        method: if is_head {
            assets::Method::Head
        } else {
            assets::Method::Get
        },
        path: parts
            .uri
            .path()
            .strip_prefix(crate::routes::STORAGE)
            .unwrap_or_default(),
        query: parts.uri.query().unwrap_or_default(),
    };
    let opened = services
        .open_signed(signed, &accept(&parts.headers))
        .await?;
    let mut headers = describe(&opened);
    if is_unchanged(&parts.headers, &opened.etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if let Some(place) = opened.elsewhere.filter(|_| !is_head) {
        return Ok(redirect(&place, &headers));
    }
    let total = opened.object.size_bytes();
    // RFC 9110, 14.2: of all methods `GET` alone knows ranges.
    let asked = if is_head {
        Ok(None)
    } else {
        wanted_range(&parts.headers, &opened.etag, total)
    };
    let range = match asked {
        Ok(range) => range,
        Err(error) => {
            set(&mut headers, CONTENT_RANGE, &format!("bytes */{total}"));
            let mut response = ApiError(Fault::bad_request(error.to_string())).into_response();
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().extend(range_headers(&headers));
            return Ok(response);
        }
    };
    let (status, start, length) = match range {
        Some(range) => {
            set(
                &mut headers,
                CONTENT_RANGE,
                &format!("bytes {}-{}/{total}", range.start, range.end - 1),
            );
            (
                StatusCode::PARTIAL_CONTENT,
                range.start,
                range.end - range.start,
            )
        }
        None => (StatusCode::OK, 0, total),
    };
    set(&mut headers, CONTENT_LENGTH, &length.to_string());
    let body = if is_head {
        Body::empty()
    } else {
        let Opened { key, object, .. } = opened;
        let range = start..start + length;
        Body::from_stream(Outgoing::new(services, key, object, range))
    };
    Ok((status, headers, body).into_response())
}

fn describe(opened: &Opened) -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, CONTENT_TYPE, &opened.mime_type);
    set(&mut headers, ETAG, &opened.etag);
    set(&mut headers, ACCEPT_RANGES, "bytes");
    // Private: the URL is a credential, and an asset can be deleted.
    let kept = format!("private, max-age={}", opened.max_age);
    set(&mut headers, CACHE_CONTROL, &kept);
    if opened.is_negotiated {
        set(&mut headers, VARY, "accept");
    }
    set(&mut headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        &mut headers,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    );
    let disposition = assets::disposition(&opened.name, opened.is_active);
    set(&mut headers, CONTENT_DISPOSITION, &disposition);
    headers
}

/// Sends a client on to the storage, which has the bytes and tells of them.
fn redirect(place: &str, described: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    for name in [CACHE_CONTROL, VARY] {
        if let Some(value) = described.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    set(&mut headers, LOCATION, place);
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn range_headers(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| *name == CONTENT_RANGE || *name == ACCEPT_RANGES)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Every `Accept` header as one list.
fn accept(headers: &HeaderMap) -> String {
    let values = headers.get_all(ACCEPT).iter();
    let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    texts.join(",")
}

/// RFC 9110, 13.1.2: any of the tags listed, weak or not.
fn is_unchanged(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, IF_NONE_MATCH).is_some_and(|listed| {
        listed
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

fn wanted_range(
    headers: &HeaderMap,
    etag: &str,
    total: u64,
) -> Result<Option<std::ops::Range<u64>>, RangeError> {
    let Some(range) = text(headers, RANGE) else {
        return Ok(None);
    };
    // RFC 9110, 13.1.5: a tag that no longer fits asks for the whole.
    if text(headers, IF_RANGE).is_some_and(|tag| tag != etag) {
        return Ok(None);
    }
    assets::parse_range(range, total)
}
