//! A body that arrives in pieces, in a bucket: parts of one upload of the
//! store's own, and what does not fill a part yet as an object beside.
//!
//! All parts but the last are of one size, and one of them is in memory while
//! it is gathered. What is told as safe names the parts by what the store said
//! of each, so a part that another process sent meanwhile under the same number
//! makes the end fail instead of getting into the object. An object beside is
//! written once and removed when a later progress was recorded; a crash may
//! leave one that no progress names.

use object_store::multipart::PartId;
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Remote;
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Stored;
use crate::resumable::{CHECKPOINT, Progress};

/// The size of a part, in bytes; S3 takes ten thousand.
const PART: usize = 8 * 1024 * 1024;

/// The parts of a body that are safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    /// The store's name for the upload.
    upload: String,
    /// What the store said of each part.
    ids: Vec<String>,
    /// What follows the parts.
    tail: Option<Uuid>,
    /// What followed them earlier, to be removed.
    old_tail: Option<Uuid>,
}

impl Parts {
    /// What lies beside the parts, now and from before.
    pub(crate) fn tails(&self) -> impl Iterator<Item = Uuid> {
        self.tail.into_iter().chain(self.old_tail)
    }
}

/// An appender to a body in a bucket.
#[derive(Debug)]
pub(crate) struct PartsAppender {
    remote: Remote,
    /// What was told as safe last.
    told: Progress,
    /// The parts that went up, told or not; no tail.
    sent: Progress,
    /// What follows them.
    buffer: Vec<u8>,
    /// Everything until now, with the buffer.
    written: Progress,
    /// Names tails that nobody has yet.
    fresh: u128,
}

impl Remote {
    pub(crate) async fn begin_parts(&self, target: &Key) -> Result<Parts, BlobError> {
        let path = self.path(&target.to_string());
        let upload = self.inner.parts.create_multipart(&path).await;
        Ok(Parts {
            upload: upload.map_err(|error| self.failed(error))?,
            ids: Vec::new(),
            tail: None,
            old_tail: None,
        })
    }

    pub(crate) async fn append_to_parts(
        &self,
        progress: &Progress,
        parts: &Parts,
        fresh: Uuid,
    ) -> Result<PartsAppender, BlobError> {
        let length = parts.ids.len() as u64 * PART as u64;
        let wanted = progress.size_bytes().saturating_sub(length);
        let buffer = match parts.tail {
            Some(tail) => self.read_all(&progress.target().piece(tail)).await?,
            None => Vec::new(),
        };
        if buffer.len() as u64 != wanted {
            return Err(BlobError::Missing {
                key: progress.target().to_string(),
            });
        }
        Ok(PartsAppender {
            remote: self.clone(),
            told: progress.clone(),
            sent: progress.clone(),
            buffer,
            written: progress.clone(),
            fresh: fresh.as_u128(),
        })
    }

    pub(crate) async fn abandon_parts(&self, target: &Key, parts: &Parts) -> Result<(), BlobError> {
        let path = self.path(&target.to_string());
        let aborted = self.inner.parts.abort_multipart(&path, &parts.upload);
        match aborted.await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(self.failed(error)),
        }
        for tail in parts.tails() {
            self.delete(&target.piece(tail).to_string()).await?;
        }
        Ok(())
    }
}

impl PartsAppender {
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PART - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            self.written.take(now);
            bytes = later;
            if self.buffer.len() == PART {
                let part = self.send_part().await?;
                self.written.parts_mut()?.ids.push(part);
                self.written.parts_mut()?.tail = None;
                self.sent = self.written.clone();
            }
        }
        Ok(())
    }

    /// Sends what is gathered as the next part.
    async fn send_part(&mut self) -> Result<String, BlobError> {
        let payload = PutPayload::from(std::mem::take(&mut self.buffer));
        let parts = self.written.parts_mut()?;
        let path = self.remote.path(&self.told.target().to_string());
        let store = &self.remote.inner.parts;
        let sent = store
            .put_part(&path, &parts.upload, parts.ids.len(), payload)
            .await;
        sent.map(|part| part.content_id)
            .map_err(|error| self.remote.failed(error))
    }

    /// Whole parts are safe without more ado.
    pub(crate) async fn checkpoint(&mut self) -> Result<Option<Progress>, BlobError> {
        if self.sent.size_bytes() < self.told.size_bytes() + CHECKPOINT {
            return Ok(None);
        }
        self.tell(self.sent.clone()).await.map(Some)
    }

    pub(crate) async fn sync(&mut self) -> Result<Progress, BlobError> {
        if self.written.size_bytes() == self.told.size_bytes() {
            return Ok(self.told.clone());
        }
        let mut next = self.written.clone();
        if !self.buffer.is_empty() {
            self.fresh = self.fresh.wrapping_add(1);
            let tail = Uuid::from_u128(self.fresh);
            let path = self.remote.path(&next.target().piece(tail).to_string());
            let payload = PutPayload::from(self.buffer.clone());
            let sent = self.remote.inner.store.put(&path, payload).await;
            sent.map_err(|error| self.remote.failed(error))?;
            next.parts_mut()?.tail = Some(tail);
        }
        self.tell(next).await
    }

    /// Tells the next progress. The one before it was recorded, or the caller
    /// would have stopped; so what that one was told to remove can go.
    async fn tell(&mut self, mut next: Progress) -> Result<Progress, BlobError> {
        let before = self.told.parts_mut()?.clone();
        if let Some(old) = before.old_tail {
            self.remove(old).await;
        }
        let parts = next.parts_mut()?;
        parts.old_tail = before.tail.filter(|old| parts.tail != Some(*old));
        self.told = next.clone();
        Ok(next)
    }

    /// A failure costs room in the bucket, and is told to the log alone.
    async fn remove(&self, tail: Uuid) {
        let name = self.told.target().piece(tail).to_string();
        if let Err(error) = self.remote.delete(&name).await {
            tracing::warn!(
                storage.key = name,
                %error,
                "a part of a body that is no longer needed could not be removed"
            );
        }
    }

    /// What follows the parts stays beside the object: a crash before the end is
    /// noted leads here again, and then it is asked for once more.
    pub(crate) async fn finish(mut self) -> Result<Stored, BlobError> {
        let stored = Stored {
            size_bytes: self.written.size_bytes(),
            sha256: self.written.sha256(),
        };
        let target = self.told.target().clone();
        // Nothing is there before the store has put the parts together, so
        // what is there was put together before a crash.
        let is_placed = match self.remote.head(&target).await {
            Ok(found) => found.size_bytes == stored.size_bytes,
            Err(BlobError::Missing { .. }) => false,
            Err(error) => return Err(error),
        };
        if !is_placed {
            let mut sent = self.written.parts_mut()?.ids.clone();
            if !self.buffer.is_empty() {
                sent.push(self.send_part().await?);
            }
            let sent = sent.into_iter().map(|content_id| PartId { content_id });
            let upload = &self.told.parts_mut()?.upload;
            let path = self.remote.path(&target.to_string());
            let store = &self.remote.inner.parts;
            let whole = store.complete_multipart(&path, upload, sent.collect());
            whole.await.map_err(|error| self.remote.failed(error))?;
        }
        Ok(stored)
    }
}
