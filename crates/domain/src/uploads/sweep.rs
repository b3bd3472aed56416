//! Removes sessions that nobody confirmed (what arrived of them follows, by a job),
//! and the temporary files that processes left when they died: bodies that broke off,
//! and what programs worked on.

use runnel_types::Fault;

use crate::{Services, faults};

/// Sessions removed in one go, between two looks at what is left.
const BATCH: i64 = 100;

impl Services {
    /// Removes temporary files that nobody writes any more, and sessions whose
    /// URL expired a while ago; says how many sessions.
    ///
    /// # Errors
    /// When the database or the storage fails; what was removed until then is removed.
    pub async fn sweep_uploads(&self) -> Result<usize, Fault> {
        let files = self.blobs.sweep_temporary().await.map_err(faults::blob)?;
        let (folders, failed) = tokio::task::spawn_blocking(runnel_media::sweep_workspaces)
            .await
            .map_err(Fault::internal)?;
        if let Some(error) = failed {
            tracing::warn!(%error, "a temporary folder of a dead process could not be removed");
        }
        if files + folders > 0 {
            tracing::info!(files, folders, "removed temporary files of dead processes");
        }
        let before = self.now().minus(self.limits.sweep_after);
        let mut swept = 0;
        loop {
            let due = self
                .store
                .read()
                .uploads()
                .list_expired_unscoped(before, BATCH)
                .await
                .map_err(faults::store)?;
            if due.is_empty() {
                return Ok(swept);
            }
            for upload in due {
                let removed = self.remove_session(upload.org_id, upload.asset_id);
                swept += usize::from(removed.await?);
            }
        }
    }
}
