//! What tells one form from another: a digest over its parts, not over the
//! boundary between them, which is another one each time.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use runnel_domain::Services;
use runnel_types::Fault;
use sha2::{Digest, Sha256};

use crate::multipart::{Form, Part};

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
    pub(crate) fn begin(&mut self, part: &Part<'_>) {
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
    let mut form = Form::open(services, request).await?;
    match of_all(&mut form).await {
        Ok(digest) => Ok(digest),
        Err(fault) => {
            form.drain().await;
            Err(fault)
        }
    }
}

async fn of_all(form: &mut Form) -> Result<String, Fault> {
    let mut digest = FormDigest::default();
    while let Some(mut part) = form.next().await? {
        digest.begin(&part);
        while let Some(bytes) = part.piece().await? {
            digest.update(&bytes);
        }
    }
    Ok(digest.finish())
}
