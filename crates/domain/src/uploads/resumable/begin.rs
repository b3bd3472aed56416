//! Begins a resumable upload afresh, or gives it up.

use runnel_types::{AssetId, Fault, OrgId};

use super::session::{Position, ResumableGrant, confirmed, gone, read_progress};
use super::turns::Turn;
use crate::uploads::collect::sent_key;
use crate::{Services, faults};

impl Services {
    /// Begins the upload, at offset 0. What had arrived in pieces before is
    /// dropped; a complete body stays until another one is complete.
    ///
    /// # Errors
    /// `BAD_REQUEST` for another length than the upload was created with,
    /// `PAYLOAD_TOO_LARGE` for one above the limit, and as
    /// [`Services::resumable_position`].
    pub async fn begin_resumable(
        &self,
        grant: &ResumableGrant,
        length: u64,
    ) -> Result<Position, Fault> {
        let limit = self.limits.max_resumable_bytes;
        if length > limit {
            return Err(Fault::too_large(format!(
                "the upload has {length} bytes, the limit is {limit}"
            )));
        }
        let session = self.open_session(grant).await?;
        self.check_begins_in_time(grant)?;
        let declared = session.upload.size_bytes;
        if length != declared {
            return Err(Fault::bad_request(format!(
                "Upload-Length is {length}, the upload was created with size_bytes {declared}"
            )));
        }
        let _turn = self.take_over(grant).await?;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let before = tx
            .resumable_uploads()
            .reset(grant.org_id, grant.asset_id)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        let before = before.ok_or_else(gone)?;
        // ORDER: the row forgets the bytes before they go.
        self.abandon(before.progress.as_deref()).await;
        Ok(self.position(&session.upload, 0))
    }

    /// Gives the upload up: the session goes with all that has arrived.
    ///
    /// # Errors
    /// `CONFLICT` once it is confirmed, and as [`Services::resumable_position`].
    pub async fn end_resumable(&self, grant: &ResumableGrant) -> Result<(), Fault> {
        self.open_session(grant).await?;
        let _turn = self.take_over(grant).await?;
        if self.remove_session(grant.org_id, grant.asset_id).await? {
            Ok(())
        } else {
            Err(confirmed())
        }
    }

    /// Takes the turn from whoever has it in this process.
    async fn take_over(&self, grant: &ResumableGrant) -> Result<Turn, Fault> {
        self.turns.interrupt(grant.asset_id).await;
        self.turns
            .take(grant.asset_id)
            .ok_or_else(super::append::locked)
    }

    /// Removes a session that was not confirmed, with all that has arrived;
    /// says whether it did.
    pub(in crate::uploads) async fn remove_session(
        &self,
        org: OrgId,
        id: AssetId,
    ) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let resumable = tx
            .resumable_uploads()
            .end(org, id)
            .await
            .map_err(faults::store)?;
        let removed = tx
            .uploads()
            .remove_unconfirmed(org, id)
            .await
            .map_err(faults::store)?;
        // With the body that it has by now, which may be another than was read.
        let Some(upload) = removed else {
            return Ok(false);
        };
        tx.commit().await.map_err(faults::store)?;
        // ORDER: the rows first; a PUT or an append that ends just now finds
        // them gone and removes its own bytes.
        if self.blobs.takes_uploads() {
            self.discard(&sent_key(&upload).to_string()).await;
        }
        // Its body, and whatever confirmations that came to nothing left there.
        self.discard_folder(org, id).await;
        let progress = resumable.and_then(|row| row.progress);
        self.abandon(progress.as_deref()).await;
        Ok(true)
    }

    /// Removes what arrived in pieces and no row names any more. A failure
    /// costs disk, not truth, so it is told to the log alone.
    pub(in crate::uploads) async fn abandon(&self, progress: Option<&str>) {
        let Some(text) = progress else {
            return;
        };
        let abandoned = match read_progress(text) {
            Ok(progress) => self
                .blobs
                .abandon(&progress)
                .await
                .map_err(|error| error.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        if let Err(error) = abandoned {
            tracing::warn!(error, "what had arrived of an upload could not be removed");
        }
    }
}
