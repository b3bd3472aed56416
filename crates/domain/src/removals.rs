//! Objects that no row names any more: they go, however ill the storage is.
//!
//! What goes with its rows goes by a job that their transaction adds. What was
//! stored for rows that were never written is removed at once, and by such a job
//! where that fails. Only a process that dies between an object and its row leaves
//! one behind, which [`crate::audit`] finds.

use runnel_blobs::{BlobError, Key, Progress};
use runnel_store::Tx;
use runnel_types::{Asset, Fault, Job, Leftovers, OrgId};

use crate::{Services, faults};

impl Services {
    /// Adds the removal of objects to the transaction in which their rows go.
    pub(crate) async fn enqueue_removal(&self, tx: &mut Tx, left: Leftovers) -> Result<(), Fault> {
        self.enqueue(tx, &Job::RemoveObjects(left), self.now())
            .await
    }

    /// The same for what arrived of an upload in pieces, if anything did.
    pub(crate) async fn enqueue_abandonment(
        &self,
        tx: &mut Tx,
        org: OrgId,
        progress: Option<String>,
    ) -> Result<(), Fault> {
        if progress.is_none() {
            return Ok(());
        }
        let left = Leftovers {
            progress,
            ..Leftovers::of(org)
        };
        self.enqueue_removal(tx, left).await
    }

    /// Removes objects on behalf of a job. What is gone already is no failure, so
    /// that it may be done again after any of its steps.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn remove_objects(&self, left: &Leftovers) -> Result<(), Fault> {
        if let Some(asset) = left.asset_id {
            let removed = self.blobs.delete_asset(left.org_id, asset).await;
            removed.map_err(faults::blob)?;
        }
        if let Some(key) = &left.key {
            let key = key.parse::<Key>().map_err(Fault::internal)?;
            self.blobs.delete(&key).await.map_err(faults::blob)?;
        }
        if let Some(progress) = &left.progress {
            let progress = Progress::from_text(progress).map_err(Fault::internal)?;
            self.blobs.abandon(&progress).await.map_err(faults::blob)?;
        }
        Ok(())
    }

    /// Removes the objects of assets whose rows were not written after all.
    pub(crate) async fn discard_files(&self, assets: impl IntoIterator<Item = &Asset>) {
        for asset in assets {
            self.discard(&asset.storage_key).await;
            if let Some(thumbnail) = &asset.thumbnail_key {
                self.discard(thumbnail).await;
            }
        }
    }

    /// Removes an object that no row names any more.
    pub(crate) async fn discard(&self, storage_key: &str) {
        let key = match storage_key.parse::<Key>() {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(storage.key = storage_key, %error, "an object could not be removed");
                return;
            }
        };
        let Err(error) = self.blobs.delete(&key).await else {
            return;
        };
        if matches!(key, Key::Upload { .. }) {
            // A client may send something better there until the job comes; it
            // goes with the session.
            tracing::warn!(storage.key = storage_key, %error, "what was sent for an upload could not be removed yet");
            return;
        }
        let left = Leftovers {
            key: Some(storage_key.to_owned()),
            ..Leftovers::of(key.owner().0)
        };
        Box::pin(self.remove_later(left, &error)).await;
    }

    /// Removes what arrived of an upload in pieces and no row names any more.
    pub(crate) async fn abandon(&self, progress: Option<&str>) {
        let Some(text) = progress else {
            return;
        };
        let progress = match Progress::from_text(text) {
            Ok(progress) => progress,
            Err(error) => {
                tracing::warn!(%error, "what had arrived of an upload could not be removed");
                return;
            }
        };
        if let Err(error) = self.blobs.abandon(&progress).await {
            let left = Leftovers {
                progress: Some(text.to_owned()),
                ..Leftovers::of(progress.target().owner().0)
            };
            Box::pin(self.remove_later(left, &error)).await;
        }
    }

    /// Leaves to a job what could not be removed at once. The callers box it: it
    /// is rare, and a transaction would be in the future of all that stores files.
    async fn remove_later(&self, left: Leftovers, error: &BlobError) {
        let adding = async {
            let mut tx = self.store.begin().await.map_err(faults::store)?;
            self.enqueue_removal(&mut tx, left.clone()).await?;
            tx.commit().await.map_err(faults::store)
        };
        match adding.await {
            Ok(()) => {
                tracing::warn!(?left, %error, "objects that no row names could not be removed; a job does it");
            }
            Err(fault) => {
                tracing::error!(
                    ?left, %error, %fault,
                    "objects that no row names could not be removed; `runnel doctor --repair` finds them"
                );
            }
        }
    }
}
