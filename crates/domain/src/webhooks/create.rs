//! Makes a webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runnel_types::{Fault, Scope, Webhook};
use serde_json::Value;

use super::fields::{MAX_NAME, MAX_URL, SECRET, event_types, fingerprint};
use crate::fields::Fields;
use crate::signatures::PREFIX;
use crate::{Caller, Services, faults};

/// The most webhooks of an organization: each is a delivery of each event.
const MAX_WEBHOOKS: i64 = 100;
/// Random bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;

/// A webhook that was just made.
#[derive(Debug)]
pub struct NewWebhook {
    /// The record.
    pub record: Webhook,
    /// Its secret, when it was made here; shown this once.
    pub plain: Option<String>,
}

impl Services {
    /// Makes a webhook, with the secret given or a new one.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, or `CONFLICT` when there are too many.
    pub async fn create_webhook(&self, caller: &Caller, body: &Value) -> Result<NewWebhook, Fault> {
        caller.require(Scope::WebhooksCreate)?;
        let mut fields = Fields::of(body)?;
        let url = fields.text("url", 1, MAX_URL);
        self.check_webhook_url(&mut fields, url);
        let name = fields.optional_text("name", MAX_NAME);
        let given = fields.optional_text_of("secret", SECRET.0, SECRET.1);
        let event_types = event_types(&mut fields, body).unwrap_or_default();
        fields.finish()?;
        let made = given.is_none().then(|| {
            let mut random = [0_u8; SECRET_BYTES];
            self.ids.fill(&mut random);
            format!("{PREFIX}{}", STANDARD.encode(random))
        });
        // INVARIANT: one is given, or one was made.
        let secret = given.or(made.as_deref()).unwrap_or_default();
        let now = self.now();
        let record = Webhook {
            id: self.ids.next(),
            org_id: caller.org_id,
            name: name.map(str::to_owned),
            url: url.unwrap_or_default().to_owned(),
            event_types,
            secret_fingerprint: fingerprint(secret),
            created_by: Some(caller.key_id()),
            disabled_at: None,
            disabled_reason: None,
            last_triggered_at: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let sealed = self.sealer.seal(&self.ids, &record.id.to_string(), secret);
        let mut tx = self.begin_once(caller).await?;
        // Two at once would both count what is there, and both add theirs.
        tx.orgs().lock(caller.org_id).await.map_err(faults::store)?;
        let count = tx.webhooks().count(caller.org_id).await;
        if count.map_err(faults::store)? >= MAX_WEBHOOKS {
            let message = format!(
                "there are {MAX_WEBHOOKS} webhooks, which is the most; delete one that nobody needs any more"
            );
            return Err(Fault::conflict(message));
        }
        let inserted = tx.webhooks().insert(&record, &sealed).await;
        inserted.map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(NewWebhook {
            record,
            plain: made,
        })
    }
}
