//! Objects that no row names any more: they go, however ill the storage is.
//!
//! What goes with its rows goes by a job that their transaction adds. What was
//! stored for rows that were never written is removed at once, and by such a job
//! where that fails. What is left by a process that dies between an object and its
//! row, or while the database is away too, [`crate::audit`] finds.

use std::collections::VecDeque;
use std::time::Duration;

use runnel_blobs::{Key, Progress};
use runnel_store::Tx;
use runnel_types::{Asset, Fault, Job, Leftovers, OrgId};

use crate::{Services, faults};

/// When a job first tries what could not be removed at once: the store is ill now.
const LATER: Duration = Duration::from_secs(5);

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
        // ORDER: the pieces first. Who puts them together just then does so before
        // the rest is looked for, or fails.
        if let Some(progress) = &left.progress {
            let progress = Progress::from_text(progress).map_err(Fault::internal)?;
            self.blobs.abandon(&progress).await.map_err(faults::blob)?;
            // A row forgets pieces in the commit that names what they became, so
            // this was put together before a crash, and nothing names it.
            let target = self.blobs.delete(progress.target()).await;
            target.map_err(faults::blob)?;
        }
        if let Some(asset) = left.asset_id {
            let removed = self.blobs.delete_asset(left.org_id, asset).await;
            removed.map_err(faults::blob)?;
        }
        if let Some(key) = &left.key {
            let key = key.parse::<Key>().map_err(Fault::internal)?;
            self.blobs.delete(&key).await.map_err(faults::blob)?;
        }
        Ok(())
    }

    /// Commits the rows of files that are stored; removes the files when their rows
    /// could not be written. Whether a commit that fails was carried out is not
    /// known, so the files stay then: if there are no rows, the doctor finds them.
    pub(crate) async fn commit_files(
        &self,
        written: Result<Tx, Fault>,
        files: impl IntoIterator<Item = &Asset>,
    ) -> Result<(), Fault> {
        match written {
            Ok(tx) => {
                tx.commit().await.map_err(faults::store)?;
                for asset in files {
                    self.meters.stored(asset);
                }
                Ok(())
            }
            Err(fault) => {
                self.discard_files(files).await;
                Err(fault)
            }
        }
    }

    /// Removes the objects of assets whose rows were not written after all.
    pub(crate) async fn discard_files(&self, assets: impl IntoIterator<Item = &Asset>) {
        let mut all: VecDeque<Leftovers> = assets
            .into_iter()
            .flat_map(|asset| [Some(&asset.storage_key), asset.thumbnail_key.as_ref()])
            .flatten()
            .filter_map(|key| leftover(key))
            .collect();
        while let Some(left) = all.pop_front() {
            if let Err(fault) = self.remove_objects(&left).await {
                // One that is silent is not waited for once more for each.
                all.push_front(left);
                Box::pin(self.remove_later(all.into(), &fault)).await;
                return;
            }
        }
    }

    /// Removes an object that no row names any more.
    pub(crate) async fn discard(&self, storage_key: &str) {
        if let Some(left) = leftover(storage_key) {
            self.remove_now(left).await;
        }
    }

    /// Removes what arrived of an upload in pieces and no row names any more.
    pub(crate) async fn abandon(&self, org: OrgId, progress: Option<String>) {
        if progress.is_some() {
            let left = Leftovers {
                progress,
                ..Leftovers::of(org)
            };
            self.remove_now(left).await;
        }
    }

    /// Removes at once, or by a job where that fails.
    pub(crate) async fn remove_now(&self, left: Leftovers) {
        if let Err(fault) = self.remove_objects(&left).await {
            Box::pin(self.remove_later(vec![left], &fault)).await;
        }
    }

    /// Leaves to jobs what could not be removed at once. The callers box it: it is
    /// rare, and a transaction would be in the future of all that stores files.
    async fn remove_later(&self, all: Vec<Leftovers>, fault: &Fault) {
        let count = all.len();
        let adding = async {
            let mut tx = self.store.begin().await.map_err(faults::store)?;
            let due = self.now().plus(LATER);
            for left in all {
                let job = Job::RemoveObjects(left);
                self.enqueue(&mut tx, &job, due).await?;
            }
            tx.commit().await.map_err(faults::store)
        };
        match adding.await {
            Ok(()) => {
                tracing::warn!(count, %fault, "objects that no row names could not be removed; jobs do it");
            }
            Err(not_added) => {
                tracing::error!(
                    count, %fault, %not_added,
                    "objects that no row names could not be removed, nor jobs for it be added; `runnel doctor --repair` finds them"
                );
            }
        }
    }
}

/// What is left with an object.
fn leftover(storage_key: &str) -> Option<Leftovers> {
    match storage_key.parse::<Key>() {
        Ok(key) => Some(Leftovers::object(key.owner().0, storage_key.to_owned())),
        Err(error) => {
            tracing::error!(storage.key = storage_key, %error, "an object to be removed has a key that is none");
            None
        }
    }
}
