//! Changes a webhook: what it is called, where it is, what it hears of, its
//! secret, and whether it hears of anything.

use runnel_store::Tx;
use runnel_store::webhooks::Change;
use runnel_types::{Fault, Scope, Timestamp, Webhook, WebhookId};
use serde_json::Value;

use super::fields::{MAX_NAME, MAX_URL, SECRET, event_types, fingerprint};
use super::not_found;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

/// Why a webhook is disabled when a request did it.
const BY_REQUEST: &str = "a request disabled it";

/// Whether it is to hear of anything from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    On,
    Off,
}

impl Services {
    /// Changes what the body names and leaves the rest.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `VALIDATION_ERROR`.
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        body: &Value,
    ) -> Result<Webhook, Fault> {
        caller.require(Scope::WebhooksEdit)?;
        let mut fields = Fields::of(body)?;
        let url = fields.given_text("url", 1, MAX_URL);
        self.check_webhook_url(&mut fields, url);
        let is_renamed = fields.is_given("name");
        let name = fields.optional_text("name", MAX_NAME);
        let secret = fields.given_text("secret", SECRET.0, SECRET.1);
        let event_types = event_types(&mut fields, body);
        let turn = turn(&mut fields, body);
        fields.finish()?;
        let sealed = secret.map(|secret| {
            let sealed = self.sealer.seal(&self.ids, &id.to_string(), secret);
            (sealed, fingerprint(secret))
        });
        let mut tx = self.begin_once(caller).await?;
        let known = tx.webhooks().lock(caller.org_id, id).await;
        let known = known.map_err(faults::store)?;
        let before = known
            .filter(|webhook| webhook.deleted_at.is_none())
            .ok_or_else(|| not_found(id))?;
        let change = Change {
            name: if is_renamed {
                name
            } else {
                before.name.as_deref()
            },
            url: url.unwrap_or(&before.url),
            event_types: event_types.as_ref().unwrap_or(&before.event_types),
            secret: sealed
                .as_ref()
                .map(|(sealed, fingerprint)| (sealed.as_str(), fingerprint.as_str())),
        };
        let changed = tx
            .webhooks()
            .update(caller.org_id, id, &change, self.now())
            .await;
        let mut webhook = changed
            .map_err(faults::store)?
            .ok_or_else(|| not_found(id))?;
        if let Some(turn) = turn {
            webhook = self.turn_webhook(&mut tx, webhook, turn).await?;
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(webhook)
    }

    async fn turn_webhook(
        &self,
        tx: &mut Tx,
        webhook: Webhook,
        turn: Turn,
    ) -> Result<Webhook, Fault> {
        let (org, id) = (webhook.org_id, webhook.id);
        match turn {
            Turn::On => {
                let enabled = tx.webhooks().enable(org, id, self.now()).await;
                enabled.map_err(faults::store)?.ok_or_else(|| not_found(id))
            }
            Turn::Off => self.disable_webhook(tx, org, id, BY_REQUEST).await,
        }
    }
}

/// `disabled_at` as null enables, and as a time disables.
fn turn(fields: &mut Fields<'_>, body: &Value) -> Option<Turn> {
    match body.get("disabled_at")? {
        Value::Null => Some(Turn::On),
        Value::String(text) if text.parse::<Timestamp>().is_ok() => Some(Turn::Off),
        _ => {
            let message = "must be null, which enables the webhook, or a time such as 2026-05-06T10:00:00Z, which disables it at once";
            fields.refuse("disabled_at", "datetime_parsing", message);
            None
        }
    }
}
