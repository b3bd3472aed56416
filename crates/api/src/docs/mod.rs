//! `GET /docs`: a viewer of the API's document that works without a network.
//!
//! The viewer is Scalar's, one file of JavaScript that comes with `aide`. The
//! page around it is ours: it names no other host, and its policy lets no
//! script run but that file.

use std::sync::LazyLock;

use aide::scalar::Scalar;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::routes::{OPENAPI, VIEWER};

/// Where the page is told of its document and its script.
const PAGE: &str = include_str!("page.html");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// The viewer and its entity tag.
static SCRIPT: LazyLock<(Bytes, String)> = LazyLock::new(|| {
    // The crate offers the script within a page alone: it is the last of three.
    let html = Scalar::new(OPENAPI).html();
    let script = inline_scripts(&html).last().copied().unwrap_or_default();
    let tag = hex::encode(&Sha256::digest(script.as_bytes())[..16]);
    (
        Bytes::copy_from_slice(script.as_bytes()),
        format!("\"{tag}\""),
    )
});

/// The texts between each `<script …>` and its `</script>`. A script may hold
/// the text `<script` itself; its end alone ends it.
fn inline_scripts(html: &str) -> Vec<&str> {
    let mut scripts = Vec::new();
    let mut rest = html;
    while let Some((script, after)) = rest
        .split_once("<script")
        .and_then(|(_, tag)| tag.split_once('>'))
        .and_then(|(_, text)| text.split_once("</script>"))
    {
        scripts.push(script);
        rest = after;
    }
    scripts
}

pub(crate) async fn page() -> Response {
    let html = PAGE
        .replace("{openapi}", OPENAPI)
        .replace("{viewer}", VIEWER);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, html).into_response()
}

pub(crate) async fn viewer(request: Request) -> Response {
    let (script, tag) = &*SCRIPT;
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (ETAG, tag.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    // Three megabytes that change with the server's version alone.
    let known = request.headers().get(IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, script.clone()).into_response()
}
