//! Thumbnails: drawn under bounds, kept as objects beside their assets.
//!
//! Three lines of work, each with so many places: pixels in this process,
//! programs that a request waits for, and frames of films and pages of
//! documents, which may take long. A slow film so holds up neither a picture
//! nor the look at another film. Transforms have lines of their own before the
//! first two, and leave one of their places to others.

use std::fs::File;
use std::time::Duration;

use runnel_blobs::Key;
use runnel_media::{Budget, MediaError, Thumbnail};
use runnel_types::Fault;

use super::inspect::tell_missing;
use crate::{Services, ThreadSlot, faults};

/// What became of a thumbnail.
#[derive(Debug)]
pub(crate) enum Drawn {
    /// It is there.
    Made(Box<Thumbnail>),
    /// There is none, and will be none.
    Nothing,
    /// It was not waited for any longer.
    Later,
}

impl Services {
    /// Runs work on pixels on a blocking thread, as many at once as there are slots.
    pub(crate) async fn with_pixels<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.pixel_slots.run(work).await
    }

    /// Runs work of programs that a request waits for on a blocking thread.
    pub(super) async fn with_programs<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.program_slots.run(work).await
    }

    /// Draws the thumbnail of a film or a document, unless that takes longer
    /// than `wait`. What cannot be drawn has none; the log says why.
    pub(super) async fn draw_in_time(
        &self,
        key: &Key,
        file: File,
        wait: Option<Duration>,
    ) -> Result<Drawn, Fault> {
        let Some(wait) = wait else {
            let slot = self.frame_slots.take().await;
            return drawn(key, self.draw(slot, file).await?);
        };
        // Nobody waits: then nothing is begun that would be thrown away.
        if wait.is_zero() {
            return Ok(Drawn::Later);
        }
        let drawing = async { self.draw(self.frame_slots.take().await, file).await };
        match tokio::time::timeout(wait, drawing).await {
            Ok(result) => match result? {
                // The file is sound: what the machine could not do now, a job
                // does later.
                Err(MediaError::Read(error)) => {
                    tracing::warn!(storage.key = %key, %error, "a thumbnail could not be drawn and is tried again");
                    Ok(Drawn::Later)
                }
                result => drawn(key, result),
            },
            Err(_elapsed) => Ok(Drawn::Later),
        }
    }

    /// Draws the thumbnail of a film or a document in a slot of
    /// [`Services::frame_slots`].
    ///
    /// # Cancel safety
    /// When the future is dropped, the thread goes on to its end, within the
    /// limits of the programs, and keeps its slot until then.
    pub(crate) async fn draw(
        &self,
        slot: ThreadSlot,
        mut file: File,
    ) -> Result<Result<Thumbnail, MediaError>, Fault> {
        let programs = self.programs.clone();
        let work = move || runnel_media::thumbnail_of(&mut file, &Budget::default(), &programs);
        slot.run(work).await
    }

    /// Stores a thumbnail, whose key no row names yet.
    pub(crate) async fn put_thumbnail(&self, key: &Key, drawn: &Thumbnail) -> Result<(), Fault> {
        let staged = self.blobs.stage_unpublished(key);
        let stored = staged.store(&drawn.webp).await;
        stored.map(drop).map_err(faults::blob)
    }
}

fn drawn(key: &Key, result: Result<Thumbnail, MediaError>) -> Result<Drawn, Fault> {
    match result {
        Ok(thumbnail) => Ok(Drawn::Made(Box::new(thumbnail))),
        Err(MediaError::Read(error)) => Err(Fault::internal(error)),
        Err(missing @ MediaError::ToolMissing { .. }) => {
            tell_missing(key, &missing);
            Ok(Drawn::Nothing)
        }
        Err(error) => {
            tracing::info!(storage.key = %key, %error, "an asset has no thumbnail: it cannot be drawn");
            Ok(Drawn::Nothing)
        }
    }
}
