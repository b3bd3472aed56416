//! Webhooks, and the form in which every operation shows them.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod event_types;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod test;

use runnel_types::{Timestamp, Webhook};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// A receiver of the organization's events.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookResponse {
    /// The webhook.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// What its owner calls it.
    name: Option<String>,
    /// Where events go.
    url: String,
    /// The first 16 hex characters of the SHA-256 of its secret.
    secret_fingerprint: String,
    /// What it hears of; everything when the list is empty.
    event_subscriptions: Vec<SubscriptionResponse>,
    /// When it was disabled; it hears of nothing since.
    disabled_at: Option<String>,
    /// Why it was disabled.
    disabled_reason: Option<String>,
    /// When something was last sent to it, to the minute.
    last_triggered_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
}

/// A kind of event that a webhook hears of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SubscriptionResponse {
    /// The webhook.
    webhook_id: Uuid,
    /// The code of the event type.
    event_type_code: &'static str,
}

/// A kind of event that a webhook is to hear of.
#[derive(Debug, JsonSchema)]
#[expect(
    dead_code,
    reason = "the rules read the body themselves; this is its documentation"
)]
pub(crate) struct SubscriptionRequest {
    /// The code of the event type, such as `run.completed`.
    event_type_code: String,
}

impl From<Webhook> for WebhookResponse {
    fn from(webhook: Webhook) -> Self {
        let id = webhook.id.as_uuid();
        let subscription = |event_type: &runnel_types::EventType| SubscriptionResponse {
            webhook_id: id,
            event_type_code: event_type.as_str(),
        };
        Self {
            id,
            org_id: webhook.org_id.as_uuid(),
            name: webhook.name,
            url: webhook.url,
            secret_fingerprint: webhook.secret_fingerprint,
            event_subscriptions: webhook.event_types.iter().map(subscription).collect(),
            disabled_at: webhook.disabled_at.map(Timestamp::to_rfc3339),
            disabled_reason: webhook.disabled_reason,
            last_triggered_at: webhook.last_triggered_at.map(Timestamp::to_rfc3339),
            created_at: webhook.created_at.to_rfc3339(),
            updated_at: webhook.updated_at.to_rfc3339(),
        }
    }
}
