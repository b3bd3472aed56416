//! Begins a resumable upload afresh, or gives it up.

use runnel_types::{AssetId, Fault, Leftovers, OrgId};

use super::lock_upload;
use super::session::{Position, ResumableGrant, confirmed, gone};
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
        let before = before.ok_or_else(gone)?;
        // ORDER: the row forgets the bytes before they go.
        self.enqueue_abandonment(&mut tx, grant.org_id, before.progress)
            .await?;
        tx.commit().await.map_err(faults::store)?;
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

    /// Removes a session that was not confirmed; says whether it did. What has
    /// arrived follows, by a job.
    pub(in crate::uploads) async fn remove_session(
        &self,
        org: OrgId,
        id: AssetId,
    ) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        lock_upload(&mut tx, org, id).await?;
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
        // ORDER: the rows first; a PUT or an append that ends just now finds
        // them gone and removes what it stored.
        let left = Leftovers {
            // Its body, and whatever confirmations that came to nothing left there.
            asset_id: Some(id),
            key: Some(sent_key(&upload).to_string()),
            progress: resumable.and_then(|row| row.progress),
            ..Leftovers::of(org)
        };
        self.enqueue_removal(&mut tx, left).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(true)
    }
}
