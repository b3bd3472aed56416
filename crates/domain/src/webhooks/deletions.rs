//! Tells webhooks of many assets that were deleted at once, some at a time.
//!
//! Each page of them is told of in one commit with the job that goes on behind
//! it: a crash leaves the place as it was, so no asset is told of twice and none
//! is passed over. One that was restored meanwhile is not deleted, and is not told of.

use runnel_types::{AssetId, DeletionId, EventType, Fault, Job, OrgId};

use crate::runs::Lease;
use crate::{Services, faults};

/// Deliveries that are written in one transaction.
const BATCH: usize = 500;

impl Services {
    /// Tells of the next assets of a deletion, those with ids after `after`.
    ///
    /// # Errors
    /// When the database fails; the job is then tried again.
    pub async fn tell_deletion(
        &self,
        (org, deletion): (OrgId, DeletionId),
        after: Option<AssetId>,
        lease: &Lease,
    ) -> Result<(), Fault> {
        let event = EventType::AssetDeleted;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the lease first; a worker that lost it must not write.
        let is_held = tx.jobs().complete(lease.job_id, &lease.worker).await;
        if !is_held.map_err(faults::store)? {
            return Ok(());
        }
        let hearers = self.hearers(&mut tx, org, event, true).await?;
        if !hearers.is_empty() {
            let limit = (BATCH / hearers.len()).max(1) as i64;
            let assets = tx
                .assets()
                .list_deletion(org, deletion, after, limit)
                .await
                .map_err(faults::store)?;
            for asset in &assets {
                self.tell_of_asset(&mut tx, asset, event, &hearers).await?;
            }
            if assets.len() as i64 == limit {
                let job = Job::TellDeletion {
                    org_id: org,
                    deletion_id: deletion,
                    after: assets.last().map(|asset| asset.id),
                };
                self.enqueue(&mut tx, &job, self.now()).await?;
            }
        }
        tx.commit().await.map_err(faults::store)
    }
}
