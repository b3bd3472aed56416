//! The URLs that a store signs, or that are signed in its name.
//!
//! S3: our own signature, with type and size of an upload in it. Google: the
//! signer of `object_store`, with the type. Azure: our own again, for downloads
//! alone, since a PUT to it needs a header that clients do not send; the server
//! takes those uploads itself and passes them on. Where a signature takes a
//! request to another server, the server sends and takes everything; and it sends
//! where [`Downloads::Server`] says so.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use object_store::aws::AwsCredentialProvider;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use runnel_types::Timestamp;

use super::Remote;
use super::presign::{LONGEST, Presigner, Request};
use super::sas::SasSigner;
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Download;
use crate::storage_url::Downloads;

/// Who signs.
#[derive(Debug)]
pub(super) enum Urls {
    S3 {
        presigner: Presigner,
        credentials: AwsCredentialProvider,
    },
    Google(Arc<dyn Signer>),
    Azure(SasSigner),
    /// Nobody: the server takes and sends everything.
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
                let credential = credentials.get_credential().await;
                let credential = credential.map_err(|error| self.failed(error))?;
                Ok(Some(presigner.sign(&credential, &request, now, valid_for)))
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
            Urls::Azure(_) | Urls::Nobody => Ok(None),
        }
    }

    /// A URL when the store is to send files and one can be signed here and now. Temporary credentials that
    /// have to be fetched afresh are fetched behind the caller's back; until
    /// then the server sends the bytes itself.
    pub(crate) fn presign_get(
        &self,
        key: &Key,
        now: Timestamp,
        valid_for: Duration,
        download: Download<'_>,
    ) -> Option<String> {
        if self.inner.downloads == Downloads::Server {
            return None;
        }
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
                let Some(Ok(credential)) = credentials.get_credential().now_or_never() else {
                    refresh(credentials);
                    return None;
                };
                Some(presigner.sign(&credential, &request, now, valid_for))
            }
            Urls::Google(signer) => {
                let options = SignedUrlOptions::new().with_query(query);
                let url = self.ask(signer, http::Method::GET, &path, valid_for, &options);
                url.now_or_never()?.ok()
            }
            Urls::Azure(signer) => Some(signer.sign(path.as_ref(), now, valid_for, download)),
            Urls::Nobody => None,
        }
    }

    /// The object that a URL of the store's own allows to be fetched, where such
    /// URLs are signed here. Those of temporary credentials are known for as long
    /// as these are.
    pub(crate) fn read_presigned(&self, url: &str) -> Option<Key> {
        let name = match &self.inner.urls {
            Urls::S3 {
                presigner,
                credentials,
            } => {
                let credential = credentials.get_credential().now_or_never()?.ok()?;
                presigner.read(&credential, url)?
            }
            Urls::Azure(signer) => signer.read(url)?,
            Urls::Google(_) | Urls::Nobody => return None,
        };
        name.strip_prefix(&self.inner.prefix)?.parse().ok()
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

/// Whether `signer` signs by itself. One that asks another server for each
/// signature is of no use for lists.
pub(super) fn signs_alone(signer: &dyn Signer) -> bool {
    let path = Path::from("probe");
    let signed = signer.signed_url(http::Method::GET, &path, Duration::from_mins(1));
    matches!(signed.now_or_never(), Some(Ok(_)))
}

fn refresh(credentials: &AwsCredentialProvider) {
    let credentials = Arc::clone(credentials);
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if let Err(error) = credentials.get_credential().await {
                tracing::warn!(%error, "the credentials of the object store cannot be had");
            }
        });
    }
}
