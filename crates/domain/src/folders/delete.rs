//! Deletes folders, with what is in them when asked to.

use runnel_types::{DeletionId, EventType, Fault, FolderId, Job, Scope};

use crate::{Caller, Services, faults};

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
        let hearers = tx.webhooks().hearing(org, EventType::AssetDeleted).await;
        let is_heard = !hearers.map_err(faults::store)?.is_empty();
        let deletion: Option<DeletionId> = is_heard.then(|| self.ids.next());
        tx.folders()
            .soft_delete(org, id, Some(caller.key_id()), deletion, self.now())
            .await
            .map_err(faults::store)?;
        if let Some(deletion_id) = deletion {
            let job = Job::TellDeletion {
                org_id: org,
                deletion_id,
                after: None,
            };
            self.enqueue(&mut tx, &job, self.now()).await?;
        }
        tx.commit().await.map_err(faults::store)
    }
}
