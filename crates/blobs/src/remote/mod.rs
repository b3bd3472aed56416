//! Objects in a bucket, through the `object_store` crate.
//!
//! `open` reaches the bucket, `stage` sends bodies in parts, `spool` brings an
//! object here as a file, `presign`, `sas` and `urls` make the store's own signed
//! URLs. A store answers a PUT when the bytes are durable, so there is nothing
//! to sync; every request has an end, and what the store says becomes a
//! [`BlobError`] in `failure`.

mod failure;
mod open;
mod parts;
mod presign;
mod sas;
mod spool;
mod stage;
mod urls;

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};

use crate::error::BlobError;
use crate::key::Key;
use crate::object::{Listed, Meta, Object, Opened};
use crate::storage_url::Downloads;

use failure::Failures;
pub(crate) use failure::credential_names;
pub(crate) use parts::{Parts, PartsAppender};
pub(crate) use stage::RemoteStaged;
use urls::Urls;

/// The object that the check at the start writes and removes. No key begins
/// with a dot.
const PROBE: &str = ".runnel-probe";

/// Deletions that are under way at once, where a store takes them one by one.
const DELETIONS: usize = 16;

/// Objects in a bucket.
#[derive(Clone)]
pub(crate) struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// The same store, for parts of a body that arrive on their own.
    parts: Arc<dyn MultipartStore>,
    /// What the names of all objects begin with: empty, or with a slash at its end.
    prefix: String,
    urls: Urls,
    downloads: Downloads,
    failures: Failures,
}

impl std::fmt::Debug for Remote {
    /// Without the store, whose own form may show credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("bucket", &self.inner.failures.bucket())
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}

impl Remote {
    fn new<S: ObjectStore + MultipartStore>(
        store: Arc<S>,
        prefix: &str,
        urls: Urls,
        downloads: Downloads,
        failures: Failures,
    ) -> Self {
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        let inner = Inner {
            parts: Arc::<S>::clone(&store),
            store,
            prefix,
            urls,
            downloads,
            failures,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// A bucket that nobody signs URLs for, such as memory.
    #[cfg(test)]
    pub(crate) fn in_memory(store: Arc<object_store::memory::InMemory>, prefix: &str) -> Self {
        let failures = Failures::new(crate::storage_url::Protocol::S3, "memory");
        Self::new(store, prefix, Urls::Nobody, Downloads::Store, failures)
    }

    /// Stores bytes under a name that is no key.
    #[cfg(test)]
    pub(crate) async fn put_named(&self, name: &str, bytes: &'static [u8]) {
        let payload = PutPayload::from_static(bytes);
        let put = self.inner.store.put(&self.path(name), payload).await;
        put.unwrap();
    }

    /// Lists, writes and removes, so that a wrong bucket, wrong credentials or
    /// missing rights are told before anybody relies on the storage.
    async fn probe(&self) -> Result<(), BlobError> {
        self.list().try_next().await?;
        let path = self.path(PROBE);
        let store = &self.inner.store;
        let written = store.put(&path, PutPayload::from_static(b"runnel")).await;
        written.map_err(|error| self.failed(error))?;
        let removed = store.delete(&path).await;
        removed.map_err(|error| self.failed(error))
    }

    /// Whether the store answers and takes the credentials. Nothing is
    /// written: this is asked every few seconds.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        match self.inner.store.head(&self.path(PROBE)).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(crate) fn stage(&self, key: &Key) -> RemoteStaged {
        RemoteStaged::new(self.clone(), self.path(&key.to_string()))
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Meta, BlobError> {
        let found = self.inner.store.head(&self.path(&key.to_string())).await;
        let found = found.map_err(|error| self.failed(error))?;
        Ok(Meta {
            size_bytes: found.size,
            etag: found.e_tag,
        })
    }

    pub(crate) async fn open_object(&self, key: &Key) -> Result<Object, BlobError> {
        let meta = self.head(key).await?;
        Ok(Object(Opened::Remote(RemoteObject {
            remote: self.clone(),
            path: self.path(&key.to_string()),
            meta,
        })))
    }

    pub(crate) async fn read_head(&self, key: &Key, most: usize) -> Result<Vec<u8>, BlobError> {
        let path = self.path(&key.to_string());
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(0..most as u64)));
        let read = async {
            self.inner
                .store
                .get_opts(&path, options)
                .await?
                .bytes()
                .await
        };
        match read.await {
            Ok(bytes) => Ok(bytes.into()),
            // A range of an empty object is refused, and this is how to tell.
            Err(error) => match self.head(key).await {
                Ok(meta) if meta.size_bytes == 0 => Ok(Vec::new()),
                _ => Err(self.failed(error)),
            },
        }
    }

    pub(crate) async fn read_all(&self, key: &Key) -> Result<Vec<u8>, BlobError> {
        let path = self.path(&key.to_string());
        let read = async { self.inner.store.get(&path).await?.bytes().await };
        let bytes = read.await.map_err(|error| self.failed(error))?;
        Ok(bytes.into())
    }

    pub(crate) async fn copy(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        let (from, to) = (self.path(&from.to_string()), self.path(&to.to_string()));
        let copied = self.inner.store.copy(&from, &to).await;
        copied.map_err(|error| self.failed(error))
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), BlobError> {
        match self.inner.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(crate) async fn delete_folder(&self, folder: &str) -> Result<(), BlobError> {
        let listed = self.inner.store.list(Some(&self.path(folder)));
        let deleted = listed
            .map_ok(|found| async move {
                match self.inner.store.delete(&found.location).await {
                    Err(object_store::Error::NotFound { .. }) => Ok(()),
                    other => other,
                }
            })
            .try_buffer_unordered(DELETIONS)
            .try_collect::<()>();
        deleted.await.map_err(|error| self.failed(error))
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        let remote = self.clone();
        let prefix = self.inner.prefix.trim_end_matches('/');
        let prefix = (!prefix.is_empty()).then(|| Path::from(prefix));
        let listed = self.inner.store.list(prefix.as_ref());
        let found = listed.map(move |found| {
            let found = found.map_err(|error| remote.failed(error))?;
            let name = found.location.as_ref();
            let name = name.strip_prefix(&remote.inner.prefix).unwrap_or(name);
            let micros = found.last_modified.timestamp_micros();
            Ok(Listed::new(name.to_owned(), found.size, micros))
        });
        found
            .try_filter(|found| std::future::ready(found.name != PROBE))
            .boxed()
    }

    fn path(&self, name: &str) -> Path {
        // Prefix and keys have none of the letters that this would encode; a
        // name that was listed comes back as it was.
        Path::from(format!("{}{name}", self.inner.prefix))
    }

    fn failed(&self, error: object_store::Error) -> BlobError {
        self.inner.failures.of(error)
    }
}

/// An object in a bucket, looked up and not yet fetched.
#[derive(Debug)]
pub(crate) struct RemoteObject {
    remote: Remote,
    path: Path,
    meta: Meta,
}

impl RemoteObject {
    pub(crate) const fn size_bytes(&self) -> u64 {
        self.meta.size_bytes
    }

    /// Fetches `range`; the request is made when the first bytes are asked for.
    pub(crate) fn into_stream(self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        // The same bytes as were looked up, or none.
        let options = GetOptions::new()
            .with_range(Some(GetRange::Bounded(range)))
            .with_if_match(self.meta.etag.clone());
        let opened = async move {
            let got = self.remote.inner.store.get_opts(&self.path, options).await;
            let got = got.map_err(|error| io::Error::other(self.remote.failed(error)))?;
            Ok::<_, io::Error>(got.into_stream().map_err(io::Error::other))
        };
        futures_util::stream::once(opened).try_flatten().boxed()
    }
}
