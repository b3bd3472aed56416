//! Deletes a webhook.

use runnel_types::{Fault, Scope, WebhookId};

use super::not_found;
use crate::{Caller, Services, faults};

impl Services {
    /// Deletes a webhook, its secret for good, and ends what waits for it. Its
    /// deliveries stay to be read among those of all webhooks.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, also when it is deleted already.
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<(), Fault> {
        caller.require(Scope::WebhooksDelete)?;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let deleted = tx
            .webhooks()
            .soft_delete(caller.org_id, id, self.now())
            .await;
        let webhook = deleted
            .map_err(faults::store)?
            .ok_or_else(|| not_found(id))?;
        self.end_pending(&mut tx, &webhook).await?;
        tx.commit().await.map_err(faults::store)
    }
}
