//! Deletes assets, takes that back, and in the end removes their bytes.
//!
//! A deletion is a mark on the row: the asset leaves lists and its URLs stop
//! working with the commit. The bytes go when the grace time is over, and until
//! then a restoration finds everything as it was.

use runnel_blobs::Key;
use runnel_media::MediaType;
use runnel_types::{Asset, AssetId, Fault, Leftovers, Scope};

use crate::{Caller, Services, faults};

/// Assets removed in one go, between two looks at what is left.
const BATCH: i64 = 100;

impl Services {
    /// Deletes an asset; webhooks hear of it.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND`, also when it is deleted already.
    pub async fn delete_asset(&self, caller: &Caller, id: AssetId) -> Result<(), Fault> {
        caller.require(Scope::AssetsDelete)?;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let deleted = tx
            .assets()
            .soft_delete(caller.org_id, id, Some(caller.key_id()), self.now())
            .await
            .map_err(faults::store)?;
        let deleted = deleted.ok_or_else(|| super::not_found(id))?;
        self.tell_asset_deleted(&mut tx, &deleted.row, deleted.has_webhooks)
            .await?;
        tx.commit().await.map_err(faults::store)
    }

    /// Takes a deletion back. An asset that is not deleted is answered as it
    /// is, since clients ask again after a time-out. When its folder is gone,
    /// it comes back at the top.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND`, also once its bytes were removed.
    pub async fn restore_asset(&self, caller: &Caller, id: AssetId) -> Result<Asset, Fault> {
        caller.require(Scope::AssetsDelete)?;
        let org = caller.org_id;
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let found = tx.assets().get(org, id).await.map_err(faults::store)?;
        let found = found.ok_or_else(|| super::not_found(id))?;
        let Some(deleted_at) = found.deleted_at else {
            // Who restored it may not have committed yet, and fail: what is answered
            // holds once this commit has gone through.
            tx.commit().await.map_err(faults::store)?;
            return Ok(found);
        };
        if deleted_at < now.minus(self.limits.purge_after) {
            return Err(super::not_found(id));
        }
        let folder = match found.folder_id {
            Some(folder) => {
                tx.orgs().lock(org).await.map_err(faults::store)?;
                let is_there = tx.folders().exists(org, folder).await;
                is_there.map_err(faults::store)?.then_some(folder)
            }
            None => None,
        };
        let restored = tx.assets().restore(org, id, folder, now).await;
        let Some(restored) = restored.map_err(faults::store)? else {
            // It was purged since it was read, or somebody else restored it.
            let found = tx.assets().get_live(org, id).await.map_err(faults::store)?;
            let found = found.ok_or_else(|| super::not_found(id))?;
            tx.commit().await.map_err(faults::store)?;
            return Ok(found);
        };
        // The job that was to draw it may have come while it was deleted.
        let kind = MediaType::from_mime(&restored.mime_type);
        if restored.thumbnail_key.is_none() && kind.is_some_and(MediaType::has_thumbnail) {
            self.enqueue_thumbnail(&mut tx, &restored).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(restored)
    }

    /// Removes assets whose grace time is over; says how many. Their bytes follow,
    /// by a job for each.
    ///
    /// # Errors
    /// When the database fails; what was removed until then is removed.
    pub async fn purge_assets(&self) -> Result<usize, Fault> {
        let before = self.now().minus(self.limits.purge_after);
        let mut purged = 0;
        loop {
            let due = self
                .store
                .read()
                .assets()
                .list_deleted_unscoped(before, BATCH)
                .await
                .map_err(faults::store)?;
            if due.is_empty() {
                return Ok(purged);
            }
            for asset in due {
                // ORDER: the rows first. A restoration that comes between then
                // finds nothing, instead of an asset without bytes.
                let mut tx = self.store.begin().await.map_err(faults::store)?;
                let org = asset.org_id;
                let gone = tx.assets().purge(org, asset.id, before).await;
                let gone = gone.map_err(faults::store)?;
                if gone {
                    let removed = tx.uploads().remove(org, asset.id).await;
                    removed.map_err(faults::store)?;
                    self.enqueue_removal(&mut tx, leftovers(&asset)).await?;
                }
                tx.commit().await.map_err(faults::store)?;
                purged += usize::from(gone);
            }
        }
    }
}

/// Everything that lies in storage for an asset without a row: its bytes, what was
/// made of them, and what a client sent again after the confirmation, where the
/// store takes it.
fn leftovers(asset: &Asset) -> Leftovers {
    let key = asset.storage_key.parse::<Key>().ok();
    Leftovers {
        asset_id: Some(asset.id),
        key: key
            .and_then(|key| key.upload_of())
            .map(|key| key.to_string()),
        ..Leftovers::of(asset.org_id)
    }
}
