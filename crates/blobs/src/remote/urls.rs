//! The URLs that a store signs, or that are signed in its name.
//!
//! S3: our own signature, with type and size of an upload in it. Google: the
//! signer of `object_store`, with the type. Azure: downloads alone, since a
//! PUT to it needs a header that clients do not send; the server takes those
//! uploads itself and passes them on.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AwsCredentialProvider;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use runnel_types::Timestamp;

use super::Remote;
use super::presign::{LONGEST, Presigner, Request};
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Download;

/// Who signs.
#[derive(Debug)]
pub(super) enum Urls {
    S3 {
        presigner: Presigner,
        credentials: AwsCredentialProvider,
    },
    Google(Arc<dyn Signer>),
    Azure(Arc<dyn Signer>),
    /// Nobody: the server takes and sends everything.
    #[cfg(test)]
    Nobody,
}

impl Remote {
    pub(crate) fn takes_uploads(&self) -> bool {
        matches!(self.inner.urls, Urls::S3 { .. } | Urls::Google(_))
    }

    pub(crate) async fn presign_put(
        &self,
        key: &Key,
        now: Timestamp,
        valid_for: Duration,
        mime_type: &str,
        size_bytes: u64,
    ) -> Result<Option<String>, BlobError> {
        let path = self.path(&key.to_string());
        match &self.inner.urls {
            Urls::S3 {
                presigner,
                credentials,
            } => {
                let size = size_bytes.to_string();
                let request = Request {
                    method: "PUT",
                    name: path.as_ref(),
                    query: &[],
                    headers: &[("content-type", mime_type), ("content-length", &size)],
                };
                let url = self.sign(presigner, credentials, &request, now, valid_for);
                url.await.map(Some)
            }
            Urls::Google(signer) => {
                let value = mime_type.parse().map_err(|_| BlobError::Unavailable {
                    reason: format!("{mime_type:?} cannot be the value of a header"),
                })?;
                let options =
                    SignedUrlOptions::new().with_signed_header(http::header::CONTENT_TYPE, value);
                let url = self.ask(signer, http::Method::PUT, &path, valid_for, &options);
                url.await.map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn presign_get(
        &self,
        key: &Key,
        now: Timestamp,
        valid_for: Duration,
        download: Download<'_>,
    ) -> Result<Option<String>, BlobError> {
        let path = self.path(&key.to_string());
        let query = [
            ("response-content-type", download.mime_type),
            ("response-content-disposition", download.disposition),
        ];
        match &self.inner.urls {
            Urls::S3 {
                presigner,
                credentials,
            } => {
                let request = Request {
                    method: "GET",
                    name: path.as_ref(),
                    query: &query,
                    headers: &[],
                };
                let url = self.sign(presigner, credentials, &request, now, valid_for);
                url.await.map(Some)
            }
            Urls::Google(signer) => {
                let options = SignedUrlOptions::new().with_query(query);
                let url = self.ask(signer, http::Method::GET, &path, valid_for, &options);
                url.await.map(Some)
            }
            // A signature of Azure's cannot say that a browser is to keep a
            // file instead of running it, so those are sent by the server.
            Urls::Azure(signer) if !download.is_active => {
                let options = SignedUrlOptions::new();
                let url = self.ask(signer, http::Method::GET, &path, valid_for, &options);
                url.await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn sign(
        &self,
        presigner: &Presigner,
        credentials: &AwsCredentialProvider,
        request: &Request<'_>,
        now: Timestamp,
        valid_for: Duration,
    ) -> Result<String, BlobError> {
        let credential = credentials.get_credential().await;
        let credential = credential.map_err(|error| self.failed(error))?;
        Ok(presigner.sign(&credential, request, now, valid_for))
    }

    async fn ask(
        &self,
        signer: &Arc<dyn Signer>,
        method: http::Method,
        path: &Path,
        valid_for: Duration,
        options: &SignedUrlOptions,
    ) -> Result<String, BlobError> {
        let valid_for = valid_for.min(LONGEST);
        let signed = signer.signed_url_opts(method, path, valid_for, options);
        let url = signed.await.map_err(|error| self.failed(error))?;
        Ok(url.into())
    }
}
