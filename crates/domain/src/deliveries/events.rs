//! Plans what webhooks hear: a delivery for each of them, in the transaction in
//! which it happens.

use runnel_store::Tx;
use runnel_store::webhooks::Hearer;
use runnel_types::{DeliverySubject, EventType, Fault, OrgId, WebhookEvent};

use super::plan::News;
use crate::{Services, faults};

impl Services {
    /// The webhooks that hear of such an event. `has_webhooks` is what the
    /// statement said that wrote what happened: without any, nothing is asked.
    pub(crate) async fn hearers(
        &self,
        tx: &mut Tx,
        org: OrgId,
        event: EventType,
        has_webhooks: bool,
    ) -> Result<Vec<Hearer>, Fault> {
        if !has_webhooks {
            return Ok(Vec::new());
        }
        let hearing = tx.webhooks().hearing(org, event).await;
        hearing.map_err(faults::store)
    }

    /// Writes a delivery of `payload` for each of `hearers`.
    pub(crate) async fn plan_event(
        &self,
        tx: &mut Tx,
        org_id: OrgId,
        event_type: EventType,
        hearers: &[Hearer],
        payload: &str,
    ) -> Result<(), Fault> {
        for hearer in hearers {
            let event = WebhookEvent {
                webhook_id: hearer.id,
                event_type,
                redelivery_of: None,
            };
            let news = News {
                org_id,
                subject: DeliverySubject::Webhook(event),
                callback_url: hearer.url.clone(),
                payload: payload.to_owned(),
            };
            self.plan_delivery(tx, news, true).await?;
        }
        Ok(())
    }
}
