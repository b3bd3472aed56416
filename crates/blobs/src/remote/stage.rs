//! A body on its way to a bucket: in one request when it is small, in parts
//! that go up while the next one is gathered when it is not.
//!
//! At most two parts are in memory. Nothing is visible under the key before
//! the last request. A body that is dropped is called off; a process that dies
//! leaves parts that no listing shows, which a lifecycle rule removes
//! (`docs/operations.md`).

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::Remote;
use crate::error::BlobError;
use crate::object::Stored;

/// The size of a part: little above the least that S3 takes, so that little lies in memory.
/// Its limit of 10,000 parts is then at 78 GiB. All but the last are of this
/// size, which R2 asks for.
const PART: usize = 8 * 1024 * 1024;

/// A body that is arriving.
#[derive(Debug)]
pub(crate) struct RemoteStaged {
    remote: Remote,
    path: Path,
    buffer: Vec<u8>,
    hasher: Sha256,
    size_bytes: u64,
    upload: Upload,
}

/// The parts that went up already. Dropped before its end, it is called off.
#[derive(Debug, Default)]
struct Upload {
    parts: Option<Box<dyn MultipartUpload>>,
    going_up: Option<JoinHandle<object_store::Result<()>>>,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(part) = self.going_up.take() {
            part.abort();
        }
        let Some(mut parts) = self.parts.take() else {
            return;
        };
        // Without a runtime the process ends, and the lifecycle rule cleans up.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = parts.abort().await {
                    tracing::warn!(%error, "the parts of a body that broke off could not be removed");
                }
            });
        }
    }
}

impl RemoteStaged {
    pub(super) fn new(remote: Remote, path: Path) -> Self {
        Self {
            remote,
            path,
            buffer: Vec::new(),
            hasher: Sha256::new(),
            size_bytes: 0,
            upload: Upload::default(),
        }
    }

    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full part goes up only when more comes: the last one may then
            // be the only one, and takes one request.
            if self.buffer.len() == PART {
                self.send_part().await?;
            }
            let room = bytes.len().min(PART - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
        }
        Ok(())
    }

    /// Begins to send what was gathered, once the part before it is there.
    async fn send_part(&mut self) -> Result<(), BlobError> {
        self.settle_part().await?;
        if self.upload.parts.is_none() {
            let begun = self.remote.inner.store.put_multipart(&self.path).await;
            self.upload.parts = Some(begun.map_err(|error| self.remote.failed(error))?);
        }
        let payload = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
        if let Some(parts) = &mut self.upload.parts {
            self.upload.going_up = Some(tokio::spawn(parts.put_part(payload)));
        }
        Ok(())
    }

    /// Waits for the part that is going up.
    async fn settle_part(&mut self) -> Result<(), BlobError> {
        let Some(part) = &mut self.upload.going_up else {
            return Ok(());
        };
        let settled = part.await;
        self.upload.going_up = None;
        let sent = settled
            .map_err(object_store::Error::from)
            .and_then(|sent| sent);
        sent.map_err(|error| self.remote.failed(error))
    }

    pub(crate) async fn finish(mut self) -> Result<Stored, BlobError> {
        if self.upload.parts.is_some() {
            self.send_part().await?;
            self.settle_part().await?;
            if let Some(parts) = &mut self.upload.parts {
                let completed = parts.complete().await;
                completed.map_err(|error| self.remote.failed(error))?;
            }
            // What is complete is not called off.
            drop(self.upload.parts.take());
        } else {
            let payload = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
            let sent = self.remote.inner.store.put(&self.path, payload).await;
            sent.map_err(|error| self.remote.failed(error))?;
        }
        Ok(Stored {
            size_bytes: self.size_bytes,
            sha256: hex::encode(self.hasher.finalize()),
        })
    }
}
