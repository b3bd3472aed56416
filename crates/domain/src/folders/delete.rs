//! Deletes folders, with what is in them when asked to.
//!
//! Much may be in them. So all but the last of it goes some at a time, each in a
//! commit of its own between which others have their turn; then the rest goes with
//! the folders. Who was cut off halfway finds the folder with less in it, and asks
//! again.

use runnel_store::Tx;
use runnel_types::{DeletionId, EventType, Fault, FolderId, Job, OrgId, Scope};

use crate::{Caller, Services, faults};

/// Assets that go in one transaction. On SQLite nobody else writes meanwhile.
const BATCH: i64 = 1000;

impl Services {
    /// Deletes a folder; with `recursive`, everything under it and the assets
    /// in all of these too. Webhooks hear of each asset, by a job: there may be many.
    ///
    /// # Errors
    /// `FOLDER_NOT_FOUND`; `CONFLICT` when something is in it and `recursive`
    /// is not set.
    pub async fn delete_folder(
        &self,
        caller: &Caller,
        id: FolderId,
        recursive: bool,
    ) -> Result<(), Fault> {
        caller.require(Scope::AssetsDelete)?;
        let org = caller.org_id;
        if recursive {
            while self.delete_some_of_many(caller, id).await? {}
        }
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        super::hold(&mut tx, org, id).await?;
        if !recursive
            && !tx
                .folders()
                .is_empty(org, id)
                .await
                .map_err(faults::store)?
        {
            return Err(Fault::conflict(
                "the folder is not empty; add ?recursive=true to delete what is in it too",
            ));
        }
        let deletion = self.tell_of_deletion(&mut tx, org).await?;
        tx.folders()
            .soft_delete(org, id, Some(caller.key_id()), deletion, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }

    /// Deletes some of what lies in a folder and under it, if that is more than goes
    /// with the folders; says whether it was.
    async fn delete_some_of_many(&self, caller: &Caller, id: FolderId) -> Result<bool, Fault> {
        let org = caller.org_id;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        super::hold(&mut tx, org, id).await?;
        let is_much = tx.folders().holds_more_than(org, id, BATCH).await;
        if !is_much.map_err(faults::store)? {
            return Ok(false);
        }
        let deletion = self.tell_of_deletion(&mut tx, org).await?;
        let by = Some(caller.key_id());
        tx.folders()
            .soft_delete_some(org, id, (by, deletion, self.now()), BATCH)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(true)
    }

    /// Has webhooks hear of what the caller's transaction is about to delete, and names
    /// that; `None` when none wants to.
    async fn tell_of_deletion(&self, tx: &mut Tx, org: OrgId) -> Result<Option<DeletionId>, Fault> {
        let hearers = tx.webhooks().hearing(org, EventType::AssetDeleted).await;
        if hearers.map_err(faults::store)?.is_empty() {
            return Ok(None);
        }
        let deletion_id = self.ids.next();
        let job = Job::TellDeletion {
            org_id: org,
            deletion_id,
            after: None,
        };
        self.enqueue(tx, &job, self.now()).await?;
        Ok(Some(deletion_id))
    }
}
