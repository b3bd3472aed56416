//! Bodies of uploads: named by the session's row, or gone.

use runnel_blobs::Key;
use runnel_store::Tx;
use runnel_store::uploads::Recorded;
use runnel_types::{AssetId, Fault, OrgId, Received};

use crate::{Services, faults};

impl Services {
    /// Points the session's row at a body that lies in the storage. What it names
    /// from now on is this body; what it named before is removed, and so is the
    /// body where it can no longer be named.
    pub(super) async fn record_body(
        &self,
        org: OrgId,
        id: AssetId,
        received: &Received,
    ) -> Result<Recorded, Fault> {
        let (tx, recorded) = match self.write_body(org, id, received).await {
            Ok(written) => written,
            Err(fault) => {
                self.discard(&received.storage_key).await;
                return Err(fault);
            }
        };
        // Whether a commit that fails was carried out is not known, so the body
        // stays: it goes with the session or the asset.
        tx.commit().await.map_err(faults::store)?;
        match &recorded {
            Recorded::Recorded { superseded: None } => {}
            Recorded::Recorded {
                superseded: Some(superseded),
            } => self.discard_body(superseded).await,
            Recorded::AlreadyConfirmed | Recorded::Gone => {
                self.discard(&received.storage_key).await;
            }
        }
        Ok(recorded)
    }

    async fn write_body(
        &self,
        org: OrgId,
        id: AssetId,
        received: &Received,
    ) -> Result<(Tx, Recorded), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let recorded = tx.uploads().record_received(org, id, received).await;
        Ok((tx, recorded.map_err(faults::store)?))
    }

    /// Removes a body that no row names any more, and the thumbnail that a
    /// confirmation which came to nothing may have put beside it.
    pub(super) async fn discard_body(&self, storage_key: &str) {
        self.discard(storage_key).await;
        let key = storage_key.parse::<Key>().ok();
        if let Some(beside) = key.and_then(|key| key.thumbnail()) {
            self.discard(&beside.to_string()).await;
        }
    }
}
