//! Removes sessions that nobody confirmed, with the bytes that arrived.

use runnel_types::Fault;

use crate::{Services, faults};

/// Sessions removed in one go, between two looks at what is left.
const BATCH: i64 = 100;

impl Services {
    /// Removes sessions whose URL expired a while ago; says how many.
    ///
    /// # Errors
    /// When the database fails; what was removed until then is removed.
    pub async fn sweep_uploads(&self) -> Result<usize, Fault> {
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
                swept += usize::from(self.remove_session(&upload).await?);
            }
        }
    }
}
