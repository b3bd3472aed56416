//! Forms: what is wrong with one, and what tells one from another: a digest over
//! its parts, not over the boundary between them, which is another one each time.

use std::sync::Arc;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use runnel_domain::Services;
use runnel_types::Fault;
use sha2::{Digest, Sha256};

/// Whether a request brings a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/"))
}

/// SHA-256 over the parts of a form, in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct FormDigest {
    whole: Sha256,
    part: Sha256,
}

impl FormDigest {
    /// Begins a part.
    pub(crate) fn begin(&mut self, part: &Field<'_>) {
        self.end();
        for text in [part.name(), part.file_name(), part.content_type()] {
            let text = text.unwrap_or_default();
            self.part.update((text.len() as u64).to_be_bytes());
            self.part.update(text);
        }
    }

    /// Takes some of the part's bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.part.update(bytes);
    }

    fn end(&mut self) {
        self.whole.update(self.part.finalize_reset());
    }

    /// The digest, 64 hex characters.
    pub(crate) fn finish(mut self) -> String {
        self.end();
        hex::encode(self.whole.finalize())
    }
}

/// Reads a form to its end and keeps nothing of it but the digest.
pub(crate) async fn digest(services: &Arc<Services>, request: Request) -> Result<String, Fault> {
    let mut form = Multipart::from_request(request, services)
        .await
        .map_err(|_| no_form())?;
    let mut digest = FormDigest::default();
    while let Some(mut part) = form.next_field().await.map_err(|error| broken(&error))? {
        digest.begin(&part);
        while let Some(bytes) = part.chunk().await.map_err(|error| broken(&error))? {
            digest.update(&bytes);
        }
    }
    Ok(digest.finish())
}

/// The fault of a body that is no form.
pub(crate) fn no_form() -> Fault {
    Fault::unsupported_media_type(
        "send the file as multipart/form-data with a part called file; curl does it with -F file=@photo.jpg",
    )
}

/// The fault of a form that breaks off or makes no sense.
pub(crate) fn broken(error: &MultipartError) -> Fault {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::too_large(
            "the request is larger than an upload may be; send large files in the three steps of an upload",
        );
    }
    Fault::bad_request(format!(
        "the form cannot be read: {}; nothing was kept",
        error.body_text()
    ))
}
