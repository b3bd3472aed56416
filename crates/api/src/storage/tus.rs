//! `OPTIONS`, `POST`, `HEAD`, `PATCH` and `DELETE /storage/{key}`: tus 1.0 on
//! the URL of a resumable upload.
//!
//! SPEC: tus 1.0.0 with creation, creation-with-upload, checksum, expiration
//! and termination. An upload and its creation are at one URL, since the
//! session is there already: `POST` begins it afresh.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use runnel_domain::Services;
use runnel_domain::uploads::{Checksum, Chunk, Position, ResumableGrant};
use runnel_types::Fault;

use crate::body_limit::{chunks, drain};
use crate::error::ApiError;

/// The version that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

/// What is spoken beside the core.
const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,checksum,expiration,termination");

/// The type of a body that is to be appended.
const APPENDED: &str = "application/offset+octet-stream";

/// The methods of an asset's URL.
const OF_ASSET: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Those of an upload's.
const OF_UPLOAD: HeaderValue = HeaderValue::from_static("OPTIONS, HEAD, PUT, POST, PATCH, DELETE");

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// Whether a `HEAD` asks for the offset of an upload, not for an asset.
pub(crate) fn is_meant(request: &Request) -> bool {
    request.method() == Method::HEAD
        && (request.headers().contains_key(RESUMABLE)
            || Services::is_upload_path(path(request.uri())))
}

/// Says what is spoken here.
pub(crate) async fn options(State(services): State<Arc<Services>>) -> Response {
    spoken(&services)
}

fn spoken(services: &Services) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, VERSION);
    headers.insert(TUS_VERSION, VERSION);
    headers.insert("tus-extension", EXTENSIONS);
    headers.insert("tus-max-size", services.limits.max_resumable_bytes.into());
    headers.insert(
        "tus-checksum-algorithm",
        HeaderValue::from_static(Checksum::ALGORITHMS),
    );
    response
}

/// Everything but `OPTIONS`.
pub(crate) async fn serve(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let method = method(&parts);
    if method == Method::OPTIONS {
        return spoken(&services);
    }
    let answered = answer(&services, &method, &parts, &mut body).await;
    let mut response = match answered {
        Ok(response) => response,
        Err(fault) => {
            drain(body).await;
            ApiError(fault).into_response()
        }
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110, 15.5.6. The router knows what both kinds of URL have together.
        let allowed = if Services::is_upload_path(path(&parts.uri)) {
            OF_UPLOAD
        } else {
            OF_ASSET
        };
        response.headers_mut().insert(ALLOW, allowed);
    }
    if response.status() == StatusCode::PRECONDITION_FAILED {
        response.headers_mut().insert(TUS_VERSION, VERSION);
    }
    response.headers_mut().insert(RESUMABLE, VERSION);
    response
}

/// SPEC: some clients cannot send `PATCH` and `DELETE`, and name them in a header.
fn method(parts: &Parts) -> Method {
    let named = text(&parts.headers, "x-http-method-override");
    named
        .filter(|_| parts.method == Method::POST)
        .and_then(|name| Method::from_bytes(name.trim().as_bytes()).ok())
        .unwrap_or_else(|| parts.method.clone())
}

async fn answer(
    services: &Arc<Services>,
    method: &Method,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, Fault> {
    if !Services::is_upload_path(path(&parts.uri)) {
        return Err(Fault::method_not_allowed(format!(
            "{method} is not possible at the URL of an asset; only GET and HEAD are"
        )));
    }
    let given = text(&parts.headers, "tus-resumable");
    if given.map(str::trim) != Some("1.0.0") {
        return Err(Fault::tus_version_unsupported(format!(
            "Tus-Resumable is {}, this server speaks 1.0.0",
            given.unwrap_or("missing")
        )));
    }
    let grant =
        services.check_resumable_url(path(&parts.uri), parts.uri.query().unwrap_or_default())?;
    match method.as_str() {
        "HEAD" => {
            let position = services.resumable_position(&grant).await?;
            let mut response = at(StatusCode::OK, &position);
            let headers = response.headers_mut();
            headers.insert(LENGTH, position.length.into());
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        "PATCH" => {
            check_type(&parts.headers)?;
            let offset = number(&parts.headers, &OFFSET)?;
            let position = append(services, &grant, offset, &parts.headers, body).await?;
            Ok(at(StatusCode::NO_CONTENT, &position))
        }
        "POST" => create(services, &grant, parts, body).await,
        "DELETE" => {
            services.end_resumable(&grant).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        other => Err(Fault::method_not_allowed(format!(
            "{other} is not possible at the URL of an upload"
        ))),
    }
}

async fn create(
    services: &Arc<Services>,
    grant: &ResumableGrant,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, Fault> {
    if parts.headers.contains_key("upload-defer-length") {
        return Err(Fault::bad_request(
            "Upload-Defer-Length is not spoken here; send the Upload-Length that the upload was created with",
        ));
    }
    let length = number(&parts.headers, &LENGTH)?;
    // Told before anything is begun.
    let has_bytes = parts.headers.contains_key(CONTENT_TYPE);
    if has_bytes {
        check_type(&parts.headers)?;
        checksum(&parts.headers)?;
    }
    let mut position = services.begin_resumable(grant, length).await?;
    if has_bytes {
        position = append(services, grant, 0, &parts.headers, body).await?;
    }
    let mut response = at(StatusCode::CREATED, &position);
    // As it was asked for, so that whatever stands in front of the server stays.
    let here = parts.uri.path_and_query().map_or("", |here| here.as_str());
    let here = HeaderValue::from_str(&format!("{}{here}", services.public_url));
    response
        .headers_mut()
        .insert(LOCATION, here.map_err(Fault::internal)?);
    Ok(response)
}

async fn append(
    services: &Arc<Services>,
    grant: &ResumableGrant,
    offset: u64,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Position, Fault> {
    let chunk = Chunk {
        offset,
        length: text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()),
        checksum: checksum(headers)?,
    };
    services
        .append_to_upload(grant, chunk, Box::pin(chunks(body)))
        .await
}

/// An answer that says how far the upload has come, and until when it is kept.
fn at(status: StatusCode, position: &Position) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, position.offset.into());
    if position.offset < position.length
        && let Ok(expires) = HeaderValue::from_str(&position.expires_at.to_http_date())
    {
        headers.insert("upload-expires", expires);
    }
    response
}

fn path(uri: &axum::http::Uri) -> &str {
    uri.path()
        .strip_prefix(crate::routes::STORAGE)
        .unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Fault> {
    let given = text(headers, name.as_str());
    // `parse` would take a sign.
    given
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Fault::bad_request(format!(
                "{name} is {}, it must be a number of bytes",
                given.unwrap_or("missing")
            ))
        })
}

fn check_type(headers: &HeaderMap) -> Result<(), Fault> {
    let given = text(headers, CONTENT_TYPE.as_str());
    if given.is_some_and(|given| given.trim().eq_ignore_ascii_case(APPENDED)) {
        return Ok(());
    }
    Err(Fault::unsupported_media_type(format!(
        "the Content-Type is {}; bytes to append are sent as {APPENDED}",
        given.unwrap_or("missing")
    )))
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Fault> {
    let Some(given) = headers.get("upload-checksum") else {
        return Ok(None);
    };
    given
        .to_str()
        .unwrap_or_default()
        .parse()
        .map(Some)
        .map_err(|error: runnel_domain::uploads::BadChecksum| Fault::bad_request(error.to_string()))
}
