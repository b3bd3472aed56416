//! `GET /docs`: a viewer of the API's document that works without a network.

use std::sync::LazyLock;

use aide::scalar::Scalar;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The page, and the policy that lets exactly its own scripts run.
static PAGE: LazyLock<(Bytes, String)> = LazyLock::new(|| {
    let html = Scalar::new(crate::routes::OPENAPI)
        .with_title("Runnel API")
        .html();
    let hashes: Vec<String> = inline_scripts(&html)
        .map(|script| {
            format!(
                "'sha256-{}'",
                STANDARD.encode(Sha256::digest(script.as_bytes()))
            )
        })
        .collect();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src 'self' data: blob:; \
         font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hashes.join(" ")
    );
    (Bytes::from(html), policy)
});

/// The texts between each `<script …>` and `</script>`, as a browser hashes them.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let rest = &rest[rest.find('>')? + 1..];
        let script = &rest[..rest.find("</script>")?];
        (!script.trim().is_empty()).then_some(script)
    })
}

pub(crate) async fn page() -> Response {
    let (html, policy) = &*PAGE;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, html.clone()).into_response()
}
