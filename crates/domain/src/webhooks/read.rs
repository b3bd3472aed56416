//! Reads webhooks.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{EventType, Fault, Page, Scope, Webhook, WebhookId, words};

use super::not_found;
use crate::{Caller, Services, faults};

impl Services {
    /// A webhook of the caller's organization.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, also for one that was deleted.
    pub async fn get_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Fault> {
        caller.require(Scope::WebhooksRead)?;
        let found = self.store.read().webhooks().get(caller.org_id, id).await;
        found.map_err(faults::store)?.ok_or_else(|| not_found(id))
    }

    /// A page of the caller's webhooks, disabled ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_webhooks(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<Webhook, Place>, Fault> {
        caller.require(Scope::WebhooksRead)?;
        let read = self.store.read();
        let page = read.webhooks().list(caller.org_id, request).await;
        page.map_err(faults::store)
    }

    /// What webhooks may hear of.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn list_event_types(&self, caller: &Caller) -> Result<&'static [EventType], Fault> {
        caller.require(Scope::WebhooksRead)?;
        Ok(EventType::ALL)
    }

    /// The event type with this code.
    ///
    /// # Errors
    /// `NOT_FOUND`, with what was most likely meant.
    pub fn get_event_type(&self, caller: &Caller, code: &str) -> Result<EventType, Fault> {
        caller.require(Scope::WebhooksRead)?;
        code.parse().map_err(|_| {
            let message = format!(
                "the code of the event type {}",
                words::none_of(EventType::WORDS, code)
            );
            Fault::not_found("NOT_FOUND", message)
        })
    }
}
