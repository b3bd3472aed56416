//! Webhooks: where an organization hears of what happens in it.

use crate::id::{ApiKeyId, OrgId, WebhookId};
use crate::list::{Field, FieldKind, Listed};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// What a webhook may hear of. SPEC: runs.md, "Webhooks".
    EventType {
        /// A run succeeded.
        RunCompleted = "run.completed",
        /// A run failed.
        RunFailed = "run.failed",
        /// A run was cancelled.
        RunCancelled = "run.cancelled",
        /// A run succeeded in part.
        RunPartialSucceeded = "run.partial_succeeded",
        /// Every item of a batch succeeded.
        BatchSucceeded = "batch.succeeded",
        /// No item of a batch succeeded, and one failed at least.
        BatchFailed = "batch.failed",
        /// Some items of a batch succeeded.
        BatchPartialSucceeded = "batch.partial_succeeded",
        /// A batch was cancelled before an item succeeded.
        BatchCancelled = "batch.cancelled",
        /// An asset came to be.
        AssetCreated = "asset.created",
        /// An asset was deleted.
        AssetDeleted = "asset.deleted",
        /// Somebody tries a webhook out.
        WebhookTest = "webhook.test",
    }
}

/// They are in memory, and few; the list is one like any other all the same.
impl Listed for EventType {
    const LIST: &'static str = "event-types";
    const FIELDS: &'static [Field] = &[
        Field::new("code", FieldKind::Word(Self::WORDS)),
        Field::new("description", FieldKind::Text).unsortable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &[];
    const DEFAULT_SORT: &'static str = "code:asc";
}

impl EventType {
    /// What it means, for a person.
    pub const fn description(self) -> &'static str {
        match self {
            Self::RunCompleted => "A run succeeded.",
            Self::RunFailed => "A run failed.",
            Self::RunCancelled => "A run was cancelled.",
            Self::RunPartialSucceeded => {
                "A run succeeded in part. No model of this server ends so at present."
            }
            Self::BatchSucceeded => "Every item of a batch succeeded.",
            Self::BatchFailed => "A batch ended without a success, and an item of it failed.",
            Self::BatchPartialSucceeded => "A batch ended, and some of its items succeeded.",
            Self::BatchCancelled => "A batch was cancelled before an item of it succeeded.",
            Self::AssetCreated => {
                "An asset came to be: an upload was confirmed, a run made it, or it came with a run's input."
            }
            Self::AssetDeleted => "An asset was deleted, by itself or with its folder.",
            Self::WebhookTest => {
                "Somebody asked for a test. It is sent to the webhook that is tested, subscribed or not."
            }
        }
    }
}

/// A receiver of an organization's events, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The webhook.
    pub id: WebhookId,
    /// The organization.
    pub org_id: OrgId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where events go.
    pub url: String,
    /// What it hears of; everything when there are none.
    pub event_types: Vec<EventType>,
    /// By what a person recognises its secret: the first 16 hex characters of
    /// the secret's SHA-256.
    pub secret_fingerprint: String,
    /// The key that made it.
    pub created_by: Option<ApiKeyId>,
    /// When it was disabled; it hears of nothing since.
    pub disabled_at: Option<Timestamp>,
    /// Why it was disabled, for a person.
    pub disabled_reason: Option<String>,
    /// When something was last sent to it, to the minute.
    pub last_triggered_at: Option<Timestamp>,
    /// The first failure since its last success.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner, or its failing, last changed it.
    pub updated_at: Timestamp,
    /// When it was deleted; only its deliveries are to be seen since.
    pub deleted_at: Option<Timestamp>,
}

impl Webhook {
    /// Whether anything is sent to it.
    pub const fn is_live(&self) -> bool {
        self.disabled_at.is_none() && self.deleted_at.is_none()
    }
}

impl Listed for Webhook {
    const LIST: &'static str = "webhooks";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("name", FieldKind::Text).nullable().unsortable(),
        Field::new("url", FieldKind::Text).unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("disabled_at", FieldKind::Time)
            .nullable()
            .unsortable(),
        Field::new("last_triggered_at", FieldKind::Time)
            .nullable()
            .unsortable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &[];
}
