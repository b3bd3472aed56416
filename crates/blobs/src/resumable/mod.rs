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
//! two, and a dead process holds no lock. In a bucket it grows as parts of an
//! upload of the store's own, and nothing locks it: there the caller's record
//! alone decides which of two went on.

mod file;
mod progress;

use uuid::Uuid;

use crate::blobs::{Blobs, Place as Storage};
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Stored;
use crate::remote::PartsAppender;
use file::FileAppender;
pub use progress::Progress;
use progress::{Place, elsewhere};

/// How much arrives before it is made safe and can be recorded, in bytes: what
/// a crash may cost the client, against a sync of the disk.
pub(crate) const CHECKPOINT: u64 = 16 * 1024 * 1024;

impl Blobs {
    /// Begins a body that will be the object `target`. `fresh` is an id of its
    /// own for what arrives before it is complete.
    ///
    /// # Errors
    /// When the storage does not take it.
    pub async fn begin_resumable(&self, target: &Key, fresh: Uuid) -> Result<Progress, BlobError> {
        let place = match self.place() {
            Storage::Local(_) => Place::File(target.piece(fresh)),
            Storage::Remote(remote) => Place::Parts(remote.begin_parts(target).await?),
        };
        Ok(Progress::new(target.clone(), place))
    }

    /// Gets hold of a body to append to it. Nothing that counts is changed
    /// before the first [`Appender::write`], so that the caller can make sure
    /// meanwhile that `progress` is still the last one. `fresh` is an id that
    /// was never given before.
    ///
    /// # Errors
    /// [`BlobError::Busy`] while another appender is at work on the same disk,
    /// [`BlobError::Missing`] when less is there than `progress` says.
    pub async fn append_to(&self, progress: &Progress, fresh: Uuid) -> Result<Appender, BlobError> {
        Ok(Appender(match (self.place(), progress.place()) {
            (Storage::Local(local), Place::File(_)) => {
                let appender = FileAppender::open(local, progress).await?;
                Kind::File(Box::new(appender))
            }
            (Storage::Remote(remote), Place::Parts(parts)) => {
                let appender = remote.append_to_parts(progress, parts, fresh).await?;
                Kind::Parts(Box::new(appender))
            }
            (Storage::Local(_), Place::Parts(_)) => return Err(elsewhere("a bucket")),
            (Storage::Remote(_), Place::File(_)) => return Err(elsewhere("a folder")),
        }))
    }

    /// Removes what has arrived of a body.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn abandon(&self, progress: &Progress) -> Result<(), BlobError> {
        match (self.place(), progress.place()) {
            (Storage::Local(_), Place::File(piece)) => self.delete(piece).await,
            (Storage::Remote(remote), Place::Parts(parts)) => {
                remote.abandon_parts(progress.target(), parts).await
            }
            // It lies in a storage that is not this one.
            _ => Ok(()),
        }
    }
}

/// Somebody who appends to a body.
#[derive(Debug)]
pub struct Appender(Kind);

#[derive(Debug)]
enum Kind {
    File(Box<FileAppender>),
    Parts(Box<PartsAppender>),
}

impl Appender {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    ///
    /// # Cancel safety
    /// A dropped call ends the appender: what it had not made safe is lost.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        match &mut self.0 {
            Kind::File(appender) => appender.write(bytes).await,
            Kind::Parts(appender) => appender.write(bytes).await,
        }
    }

    /// The progress to record, when enough has arrived since the last one. It
    /// is to be recorded before the next call.
    ///
    /// # Errors
    /// When it cannot be made safe.
    pub async fn checkpoint(&mut self) -> Result<Option<Progress>, BlobError> {
        match &mut self.0 {
            Kind::File(appender) if appender.unsafe_bytes() < CHECKPOINT => Ok(None),
            Kind::File(appender) => appender.sync().await.map(Some),
            Kind::Parts(appender) => appender.checkpoint().await,
        }
    }

    /// Makes everything safe that was written. What comes back is to be
    /// recorded before the next call.
    ///
    /// # Errors
    /// When it cannot be made safe.
    pub async fn sync(&mut self) -> Result<Progress, BlobError> {
        match &mut self.0 {
            Kind::File(appender) => appender.sync().await,
            Kind::Parts(appender) => appender.sync().await,
        }
    }

    /// Makes the body its object. Called again after a crash in between, it
    /// finds that done. [`Progress::leftovers`] may go when it has been noted.
    ///
    /// # Errors
    /// When it cannot be put in its place.
    pub async fn finish(self) -> Result<Stored, BlobError> {
        match self.0 {
            Kind::File(appender) => appender.finish().await,
            Kind::Parts(appender) => appender.finish().await,
        }
    }
}

#[cfg(test)]
mod tests;
