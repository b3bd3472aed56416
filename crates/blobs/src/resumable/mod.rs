//! A body that arrives in pieces: over hours, restarts and several processes.
//!
//! What is known of such a body is a [`Progress`]: plain data that the caller
//! keeps, and that says how much is safely stored. An [`Appender`] goes on
//! where a progress ends and gives back the next one. Whatever lies in storage
//! beyond the progress that was kept is cut off by the next appender, so a
//! crash at any moment costs what was not kept yet, and nothing else.
//!
//! On the local disk the body grows in one file, which is locked while it is
//! appended to: two appenders are never at work at once, in one process or in
//! two, and a dead process holds no lock.

mod file;
mod progress;

use uuid::Uuid;

use crate::error::BlobError;
use crate::key::Key;
use crate::local::{Blobs, Stored};
use file::FileAppender;
pub use progress::Progress;

/// How much arrives before it is made safe and can be recorded, in bytes: what
/// a crash may cost the client, against a sync of the disk.
const CHECKPOINT: u64 = 16 * 1024 * 1024;

impl Blobs {
    /// Begins a body that will be the object `target`; nothing is stored yet.
    /// `piece` is an id of its own for what arrives before it is complete.
    ///
    /// # Errors
    /// When the storage does not take it.
    pub async fn begin_resumable(&self, target: &Key, piece: Uuid) -> Result<Progress, BlobError> {
        Ok(Progress::in_file(target.clone(), target.piece(piece)))
    }

    /// Gets hold of a body to append to it. Nothing is changed before the
    /// first [`Appender::write`], so that the caller can make sure meanwhile
    /// that `progress` is still the last one.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while another appender is at work,
    /// [`BlobError::Missing`] when less is there than `progress` says.
    pub async fn append_to(&self, progress: &Progress) -> Result<Appender, BlobError> {
        FileAppender::open(self.root(), progress)
            .await
            .map(Appender)
    }

    /// Removes what has arrived of a body.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn abandon(&self, progress: &Progress) -> Result<(), BlobError> {
        self.delete(progress.piece()).await
    }
}

/// Somebody who appends to a body.
#[derive(Debug)]
pub struct Appender(FileAppender);

impl Appender {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    ///
    /// # Cancel safety
    /// A dropped call ends the appender: what it had not made safe is lost.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.0.write(bytes).await
    }

    /// The progress to record, when enough has arrived since the last one.
    ///
    /// # Errors
    /// When it cannot be made safe.
    pub async fn checkpoint(&mut self) -> Result<Option<Progress>, BlobError> {
        if self.0.unsafe_bytes() < CHECKPOINT {
            return Ok(None);
        }
        self.0.sync().await.map(Some)
    }

    /// Makes everything safe that was written.
    ///
    /// # Errors
    /// When it cannot be made safe.
    pub async fn sync(&mut self) -> Result<Progress, BlobError> {
        self.0.sync().await
    }

    /// Makes the body its object. Called again after a crash in between, it
    /// finds that done.
    ///
    /// # Errors
    /// When it cannot be moved to its place.
    pub async fn finish(self) -> Result<Stored, BlobError> {
        self.0.finish().await
    }
}

#[cfg(test)]
mod tests;
