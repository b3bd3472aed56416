//! The last byte of a resumable upload: the body moves to its place and the
//! session names it, as after a PUT.

use runnel_blobs::{Appender, Key, Progress};
use runnel_store::uploads::Recorded;
use runnel_types::{Fault, Leftovers, Received, ResumableUpload, Upload};

use super::lock_upload;
use super::session::{Session, overtaken, read_progress};
use crate::{Services, faults};

impl Services {
    /// Makes the body whole. `row` is the last one, with every byte recorded.
    pub(super) async fn complete(
        &self,
        upload: &Upload,
        row: ResumableUpload,
        appender: Appender,
        target: &Key,
    ) -> Result<(), Fault> {
        let stored = appender.finish().await.map_err(faults::blob)?;
        let received = Received {
            storage_key: target.to_string(),
            size_bytes: stored.size_bytes,
            sha256: stored.sha256,
        };
        // ORDER: the object first, then the row that names it; a crash in
        // between leaves the progress, and with it this is done again.
        let progress = row.progress.as_deref().map(read_progress).transpose()?;
        let whole = ResumableUpload {
            progress: None,
            ..row
        };
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        lock_upload(&mut tx, upload.org_id, upload.asset_id).await?;
        let is_last = tx
            .resumable_uploads()
            .record(&whole)
            .await
            .map_err(faults::store)?;
        if !is_last {
            drop(tx);
            return self.check_named(upload, &received).await;
        }
        let recorded = tx
            .uploads()
            .record_received(upload.org_id, upload.asset_id, &received)
            .await
            .map_err(faults::store)?;
        let Recorded::Recorded { superseded } = recorded else {
            return Err(overtaken());
        };
        for piece in progress.iter().flat_map(Progress::leftovers) {
            let left = Leftovers::object(upload.org_id, piece.to_string());
            self.enqueue_removal(&mut tx, left).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        if let Some(superseded) = superseded {
            self.discard_body(&superseded).await;
        }
        Ok(())
    }

    /// Another request changed the row: it may have done just the same.
    async fn check_named(&self, upload: &Upload, received: &Received) -> Result<(), Fault> {
        let now = self
            .store
            .read()
            .uploads()
            .get(upload.org_id, upload.asset_id)
            .await
            .map_err(faults::store)?;
        let Some(now) = now else {
            // The upload was given up or swept, so nobody will name it.
            self.discard(&received.storage_key).await;
            return Err(overtaken());
        };
        let is_named = now
            .received
            .is_some_and(|named| named.storage_key == received.storage_key);
        // Otherwise the upload began afresh. The object stays as one that no
        // row names: to remove it here could take it from a request that is
        // just about to name it.
        if is_named { Ok(()) } else { Err(overtaken()) }
    }

    /// Completes an upload whose bytes are all there, after a crash between
    /// the last byte and the session.
    pub(super) async fn complete_again(&self, session: &Session) -> Result<(), Fault> {
        let Some(progress) = session.progress()? else {
            return Ok(());
        };
        let appender = self
            .blobs
            .append_to(&progress, self.ids.next())
            .await
            .map_err(faults::blob)?;
        self.complete(
            &session.upload,
            session.row.clone(),
            appender,
            progress.target(),
        )
        .await
    }

    /// Before a confirmation that found no body: completes one whose bytes are
    /// all there, and says whether it did. One that is not whole is told with
    /// how much is missing.
    pub(in crate::uploads) async fn complete_resumable(
        &self,
        upload: &Upload,
    ) -> Result<bool, Fault> {
        let Some(row) = self.resumable_row(upload).await? else {
            return Ok(false);
        };
        if row.offset_bytes < upload.size_bytes {
            return Err(Fault::conflict(format!(
                "{} of {} bytes have arrived for this upload; send the rest to its upload_url first",
                row.offset_bytes, upload.size_bytes
            )));
        }
        let session = Session {
            upload: upload.clone(),
            row,
        };
        let is_missing = session.row.progress.is_some();
        self.complete_again(&session).await?;
        Ok(is_missing)
    }
}
