//! Ends what waits for a webhook that hears of nothing any more.

use runnel_store::Tx;
use runnel_types::{Fault, Job, OrgId, Webhook, WebhookId};

use super::not_found;
use crate::deliveries::Over;
use crate::runs::Lease;
use crate::{Services, faults};

/// Deliveries that are ended in one transaction.
const BATCH: i64 = 500;

/// Why nothing is sent to a webhook; `None` when it is live.
pub(super) fn over(webhook: &Webhook) -> Option<Over> {
    if webhook.deleted_at.is_some() {
        return Some(Over {
            code: "WEBHOOK_DELETED",
            detail: "the webhook was deleted".to_owned(),
        });
    }
    webhook.disabled_at.map(|_| Over {
        code: "WEBHOOK_DISABLED",
        detail: format!(
            "the webhook was disabled: {}",
            webhook
                .disabled_reason
                .as_deref()
                .unwrap_or("without a reason")
        ),
    })
}

impl Services {
    /// Disables a webhook, unless it is already, and ends what waits for it.
    pub(super) async fn disable_webhook(
        &self,
        tx: &mut Tx,
        org: OrgId,
        id: WebhookId,
        reason: &str,
    ) -> Result<Webhook, Fault> {
        let disabled = tx.webhooks().disable(org, id, reason, self.now()).await;
        let webhook = disabled
            .map_err(faults::store)?
            .ok_or_else(|| not_found(id))?;
        self.end_pending(tx, &webhook).await?;
        Ok(webhook)
    }

    /// Ends some of what waits for a webhook that is not live, and leaves the
    /// rest to a job. The transaction holds the webhook.
    pub(super) async fn end_pending(&self, tx: &mut Tx, webhook: &Webhook) -> Result<(), Fault> {
        let Some(over) = over(webhook) else {
            return Ok(());
        };
        let now = self.now();
        let why = (over.code, over.detail.as_str());
        let ended = tx
            .deliveries()
            .give_up_pending(webhook.org_id, webhook.id, why, now, BATCH)
            .await
            .map_err(faults::store)?;
        if ended as i64 == BATCH {
            let job = Job::EndDeliveries {
                org_id: webhook.org_id,
                webhook_id: webhook.id,
            };
            self.enqueue(tx, &job, now).await?;
        }
        Ok(())
    }

    /// Ends some more of what waits for a webhook, on behalf of a job; the job
    /// that goes on is written in the same commit. A webhook that was enabled
    /// meanwhile keeps what is left.
    ///
    /// # Errors
    /// When the database fails; the job is then tried again.
    pub async fn end_deliveries(
        &self,
        org: OrgId,
        id: WebhookId,
        lease: &Lease,
    ) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the lease first; a worker that lost it must not write.
        let is_held = tx.jobs().complete(lease.job_id, &lease.worker).await;
        if !is_held.map_err(faults::store)? {
            return Ok(());
        }
        let webhook = tx.webhooks().lock(org, id).await.map_err(faults::store)?;
        if let Some(webhook) = webhook {
            self.end_pending(&mut tx, &webhook).await?;
        }
        tx.commit().await.map_err(faults::store)
    }
}
