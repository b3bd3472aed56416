//! Where a delivery to a webhook goes at present, and with which secret.

use runnel_types::{Fault, OrgId, WebhookId};

use super::ending::over;
use crate::deliveries::Over;
use crate::{Services, faults};

/// A live webhook as a sender needs it.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where it is now, which may have changed since the delivery was made.
    pub(crate) url: String,
    /// Its secret, in the open.
    pub(crate) secret: String,
}

impl Services {
    /// Where a webhook is; why the delivery is over when nothing is sent to it
    /// any more.
    pub(crate) async fn aim_at_webhook(
        &self,
        org: OrgId,
        id: WebhookId,
    ) -> Result<Result<Target, Over>, Fault> {
        let found = self.store.read().webhooks().get_sealed(org, id).await;
        let Some((webhook, sealed)) = found.map_err(faults::store)? else {
            return Err(Fault::internal(format!("no row of the webhook {id}")));
        };
        if let Some(over) = over(&webhook) {
            return Ok(Err(over));
        }
        let secret = self
            .sealer
            .open(&id.to_string(), &sealed)
            .map_err(Fault::internal)?;
        Ok(Ok(Target {
            url: webhook.url,
            secret,
        }))
    }
}
