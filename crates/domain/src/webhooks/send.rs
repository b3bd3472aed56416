//! Sends to a webhook because somebody asks: a test, or an event once more.

use runnel_store::Tx;
use runnel_types::{
    Delivery, DeliveryId, DeliverySubject, EventType, Fault, FieldFault, OrgId, Scope, Webhook,
    WebhookEvent, WebhookId,
};
use serde_json::json;

use super::{no_delivery, not_found};
use crate::deliveries::News;
use crate::{Caller, Services, faults};

impl Services {
    /// Sends a webhook a test, whatever it hears of.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, or `CONFLICT` when it is disabled.
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Delivery, Fault> {
        caller.require(Scope::WebhooksExecute)?;
        let mut tx = self.begin_once(caller).await?;
        let webhook = live(&mut tx, caller.org_id, id, not_found(id)).await?;
        let event_type = EventType::WebhookTest;
        let payload = json!({
            "event": event_type,
            "webhook_id": id,
            "created_at": self.now().to_callback_format(),
        });
        let subject = WebhookEvent {
            webhook_id: id,
            event_type,
            redelivery_of: None,
        };
        let news = news(&webhook, subject, payload.to_string());
        let delivery = self.plan_delivery(&mut tx, news, false).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(delivery)
    }

    /// Makes a new delivery of what a delivery told, byte for byte, to where its
    /// webhook is now.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `DELIVERY_NOT_FOUND`; `VALIDATION_ERROR` while a
    /// delivery of the event is on its way; `CONFLICT` when the webhook is
    /// disabled or deleted.
    pub async fn redeliver_webhook(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
        id: DeliveryId,
    ) -> Result<Delivery, Fault> {
        caller.require(Scope::WebhooksExecute)?;
        let org = caller.org_id;
        let told = self.webhook_delivery(org, webhook, id).await?;
        let event = told.subject.webhook().ok_or_else(|| no_delivery(id))?;
        let first = event.redelivery_of.unwrap_or(id);
        let mut tx = self.begin_once(caller).await?;
        let gone = Fault::conflict(
            "the webhook of this delivery was deleted; nothing can be sent to it any more",
        );
        let webhook = live(&mut tx, org, event.webhook_id, gone).await?;
        // ORDER: the lock before the look, so that of two who ask at once the
        // second sees the delivery of the first.
        tx.deliveries()
            .lock(org, first)
            .await
            .map_err(faults::store)?;
        let is_under_way = tx.deliveries().is_event_under_way(org, first).await;
        if is_under_way.map_err(faults::store)? {
            // SPEC: runs.md, "Callbacks": 422, as for a callback's.
            return Err(Fault::invalid(vec![FieldFault {
                loc: vec!["path".to_owned(), "id".to_owned()],
                rule: "delivery_under_way",
                message: "a delivery of this event is still on its way; wait for its end, or look at its attempts".to_owned(),
            }]));
        }
        let subject = WebhookEvent {
            redelivery_of: Some(first),
            ..event
        };
        let news = news(&webhook, subject, told.payload);
        let delivery = self.plan_delivery(&mut tx, news, false).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(delivery)
    }
}

fn news(webhook: &Webhook, event: WebhookEvent, payload: String) -> News {
    News {
        org_id: webhook.org_id,
        subject: DeliverySubject::Webhook(event),
        callback_url: webhook.url.clone(),
        payload,
    }
}

/// The webhook, held until the commit, when something can be sent to it; `gone`
/// when it is deleted.
async fn live(tx: &mut Tx, org: OrgId, id: WebhookId, gone: Fault) -> Result<Webhook, Fault> {
    let found = tx.webhooks().lock(org, id).await.map_err(faults::store)?;
    let Some(webhook) = found.filter(|webhook| webhook.deleted_at.is_none()) else {
        return Err(gone);
    };
    if let Some(at) = webhook.disabled_at {
        let message = format!(
            "the webhook is disabled since {}: {}; enable it first, by PATCH with {{\"disabled_at\": null}}",
            at.to_rfc3339(),
            webhook
                .disabled_reason
                .as_deref()
                .unwrap_or("without a reason")
        );
        return Err(Fault::conflict(message));
    }
    Ok(webhook)
}
