//! What was sent to webhooks, and what became of it.

use runnel_types::list::{self, Field, ListRequest, Place};
use runnel_types::{
    Attempt, AttemptId, Delivery, DeliveryId, Fault, OrgId, Page, Scope, Timestamp, WebhookId,
};

use super::{no_delivery, not_found};
use crate::{Caller, Services, faults};

/// A delivery with its attempts, oldest first.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Delivery,
    /// What was tried.
    pub attempts: Vec<AttemptView>,
}

/// An attempt, and when the next one came or is due.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// The attempt.
    pub attempt: Attempt,
    /// When the next one is due; of an earlier attempt, when that was made.
    pub next_retry_at: Option<Timestamp>,
}

impl DeliveryView {
    fn new(delivery: Delivery, attempts: Vec<Attempt>) -> Self {
        let made_later = attempts.iter().skip(1).map(|later| Some(later.created_at));
        let next: Vec<_> = made_later.chain([delivery.next_attempt_at]).collect();
        let view = |(attempt, next_retry_at)| AttemptView {
            attempt,
            next_retry_at,
        };
        Self {
            attempts: attempts.into_iter().zip(next).map(view).collect(),
            delivery,
        }
    }
}

/// A delivery that nobody has attempted yet.
impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self::new(delivery, Vec::new())
    }
}

impl Services {
    /// A page of the deliveries of a webhook; with no webhook, of all of the
    /// organization's, deleted ones too.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`.
    pub async fn list_webhook_deliveries(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
        request: &ListRequest,
    ) -> Result<Page<DeliveryView, Place>, Fault> {
        caller.require(Scope::WebhooksRead)?;
        let org = caller.org_id;
        self.check_webhook(org, webhook).await?;
        let read = self.store.read();
        let page = read
            .deliveries()
            .list_of_webhook(org, webhook, request)
            .await
            .map_err(faults::store)?;
        let ids: Vec<DeliveryId> = page.items.iter().map(|delivery| delivery.id).collect();
        let attempts = read.deliveries().attempts_of(org, &ids).await;
        let mut attempts = attempts.map_err(faults::store)?;
        Ok(page.map(|delivery| {
            let made = attempts.remove(&delivery.id).unwrap_or_default();
            DeliveryView::new(delivery, made)
        }))
    }

    /// A delivery of a webhook; with no webhook, of any.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `DELIVERY_NOT_FOUND`.
    pub async fn get_webhook_delivery(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
        id: DeliveryId,
    ) -> Result<DeliveryView, Fault> {
        caller.require(Scope::WebhooksRead)?;
        let delivery = self.webhook_delivery(caller.org_id, webhook, id).await?;
        let read = self.store.read();
        let attempts = read.deliveries().list_attempts(caller.org_id, id).await;
        Ok(DeliveryView::new(
            delivery,
            attempts.map_err(faults::store)?,
        ))
    }

    /// A page of the attempts of a delivery; there are few.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `DELIVERY_NOT_FOUND`.
    pub async fn list_webhook_attempts(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
        delivery: DeliveryId,
        request: &ListRequest,
    ) -> Result<Page<AttemptView, Place>, Fault> {
        let view = self.get_webhook_delivery(caller, webhook, delivery).await?;
        let id = |view: &AttemptView| view.attempt.id.as_uuid();
        Ok(list::page_of(view.attempts, request, id, value))
    }

    /// An attempt of a delivery.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `DELIVERY_NOT_FOUND`, `ATTEMPT_NOT_FOUND`.
    pub async fn get_webhook_attempt(
        &self,
        caller: &Caller,
        webhook: Option<WebhookId>,
        delivery: DeliveryId,
        id: AttemptId,
    ) -> Result<AttemptView, Fault> {
        let view = self.get_webhook_delivery(caller, webhook, delivery).await?;
        let found = view.attempts.into_iter().find(|view| view.attempt.id == id);
        found.ok_or_else(|| {
            Fault::not_found("ATTEMPT_NOT_FOUND", format!("there is no attempt {id}"))
        })
    }

    /// The delivery, when it is one of `webhook`, or of any.
    pub(super) async fn webhook_delivery(
        &self,
        org: OrgId,
        webhook: Option<WebhookId>,
        id: DeliveryId,
    ) -> Result<Delivery, Fault> {
        self.check_webhook(org, webhook).await?;
        let found = self.store.read().deliveries().get(org, id).await;
        let found = found.map_err(faults::store)?;
        let is_wanted = |delivery: &Delivery| {
            let event = delivery.subject.webhook();
            event.is_some_and(|event| webhook.is_none_or(|webhook| event.webhook_id == webhook))
        };
        found.filter(is_wanted).ok_or_else(|| no_delivery(id))
    }

    async fn check_webhook(&self, org: OrgId, id: Option<WebhookId>) -> Result<(), Fault> {
        let Some(id) = id else {
            return Ok(());
        };
        let found = self.store.read().webhooks().get(org, id).await;
        let found = found.map_err(faults::store)?;
        found.map(drop).ok_or_else(|| not_found(id))
    }
}

/// What an attempt has in a field of its list.
fn value(view: &AttemptView, field: &Field) -> list::Value {
    let attempt = &view.attempt;
    let number = |number: Option<i64>| number.map_or(list::Value::Null, list::Value::Integer);
    match field.name {
        "attempt_number" => number(Some(attempt.attempt_number.into())),
        "id" => list::Value::Text(attempt.id.to_string()),
        "status_code" => number(attempt.status_code.map(Into::into)),
        "response_time_ms" => number(attempt.response_time_ms),
        "created_at" => number(Some(attempt.created_at.as_micros())),
        _ => list::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_list_of_attempts_has_its_value() {
        use runnel_types::list::Listed;
        let view = AttemptView {
            attempt: Attempt {
                id: AttemptId::from_u128(1),
                delivery_id: DeliveryId::from_u128(2),
                attempt_number: 3,
                status_code: Some(500),
                response_body: None,
                response_time_ms: Some(7),
                error_message: None,
                created_at: Timestamp::from_micros(9),
            },
            next_retry_at: None,
        };
        for field in Attempt::FIELDS {
            assert_ne!(value(&view, field), list::Value::Null, "{}", field.name);
        }
    }
}
