//! What an attempt says of its webhook: that it works, that it fails, that it has
//! failed for too long.

use std::time::Duration;

use runnel_store::Tx;
use runnel_store::deliveries::AttemptOutcome;
use runnel_types::{Fault, OrgId, Timestamp, Webhook, WebhookId};

use super::ending::over;
use crate::deliveries::GONE;
use crate::{Services, faults};

/// How long a webhook may fail without a success. SPEC: runs.md, "Webhooks".
const PATIENCE: Duration = Duration::from_hours(5 * 24);

impl Services {
    /// Notes on a webhook how an attempt of `at` went, and answers with what the
    /// attempt leads to: a webhook that was disabled or deleted, be it by this
    /// very attempt, gets no other one.
    ///
    /// It may hold the webhook until the commit. So whoever records several
    /// attempts in one transaction takes the webhooks in the order of their ids,
    /// after the leases and before any delivery.
    pub(crate) async fn note_webhook_attempt(
        &self,
        tx: &mut Tx,
        (org, id): (OrgId, WebhookId),
        outcome: AttemptOutcome,
        at: Timestamp,
    ) -> Result<AttemptOutcome, Fault> {
        if outcome == AttemptOutcome::Succeeded {
            let noted = tx.webhooks().note_success(org, id, at).await;
            return noted.map(|()| outcome).map_err(faults::store);
        }
        let noted = tx.webhooks().note_failure(org, id, at).await;
        // A webhook's row is never removed, so a delivery always has one.
        let Some(mut webhook) = noted.map_err(faults::store)? else {
            return Ok(outcome);
        };
        if let Some(reason) = reason_to_disable(&webhook, &outcome, at) {
            tracing::warn!(webhook.id = %id, org.id = %org, reason, "a webhook was disabled");
            webhook = self.disable_webhook(tx, org, id, &reason).await?;
        }
        Ok(match (outcome, over(&webhook)) {
            (AttemptOutcome::RetryAt(_), Some(over)) => AttemptOutcome::Failed {
                code: over.code.to_owned(),
                detail: format!("this attempt failed, and {}", over.detail),
            },
            (outcome, _) => outcome,
        })
    }
}

fn reason_to_disable(webhook: &Webhook, outcome: &AttemptOutcome, at: Timestamp) -> Option<String> {
    if !webhook.is_live() {
        return None;
    }
    if matches!(outcome, AttemptOutcome::Failed { code, .. } if code == GONE) {
        return Some("its receiver answered 410: it wants no more of these".to_owned());
    }
    let since = webhook.failing_since?;
    (since.plus(PATIENCE) <= at).then(|| {
        format!(
            "every delivery has failed since {}, for {} days",
            since.to_rfc3339(),
            PATIENCE.as_secs() / 86_400
        )
    })
}
