//! Reads webhooks.

use runnel_types::list::{self, Field, ListRequest, Place};
use runnel_types::{EventType, Fault, Page, Scope, Webhook, WebhookId, words};
use uuid::Uuid;

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

    /// A page of what webhooks may hear of.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn list_event_types(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<EventType, Place>, Fault> {
        caller.require(Scope::WebhooksRead)?;
        let value = |event_type: &EventType, field: &Field| {
            list::Value::Text(match field.name {
                "description" => event_type.description().to_owned(),
                _ => event_type.as_str().to_owned(),
            })
        };
        // No two have one code, so nothing else is needed to order them.
        let id = |_: &EventType| Uuid::nil();
        let all = EventType::ALL.iter().copied();
        Ok(list::page_of(all, request, id, value))
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
