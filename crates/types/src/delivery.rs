//! Deliveries: a callback, or an event for a webhook, on its way to its receiver,
//! attempt by attempt.

use crate::id::{AttemptId, BatchId, CallbackSecretId, DeliveryId, OrgId, RunId, WebhookId};
use crate::list::{Field, FieldKind, Listed};
use crate::text_enum::text_enum;
use crate::time::Timestamp;
use crate::webhook::EventType;

text_enum! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// Waiting for its next attempt.
        Pending = "pending",
        /// An attempt is being made.
        Delivering = "delivering",
        /// The receiver has it.
        Succeeded = "succeeded",
        /// Given up; the reason is on the record.
        Failed = "failed",
    }
}

/// What a delivery tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverySubject {
    /// The end of a run, to its callback.
    Run(RunId),
    /// The end of a batch, to its callback.
    Batch(BatchId),
    /// An event, to a webhook.
    Webhook(WebhookEvent),
}

/// Which event goes to which webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// What happened.
    pub event_type: EventType,
    /// The first delivery of the event, when a person had it sent again.
    pub redelivery_of: Option<DeliveryId>,
}

impl DeliverySubject {
    /// The run, when a callback tells its end.
    pub const fn run(self) -> Option<RunId> {
        match self {
            Self::Run(id) => Some(id),
            Self::Batch(_) | Self::Webhook(_) => None,
        }
    }

    /// The batch, when a callback tells its end.
    pub const fn batch(self) -> Option<BatchId> {
        match self {
            Self::Batch(id) => Some(id),
            Self::Run(_) | Self::Webhook(_) => None,
        }
    }

    /// The webhook and the event, when it is for one.
    pub const fn webhook(self) -> Option<WebhookEvent> {
        match self {
            Self::Webhook(event) => Some(event),
            Self::Run(_) | Self::Batch(_) => None,
        }
    }
}

/// A message to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery; also its `webhook-id`, the same on every attempt.
    pub id: DeliveryId,
    /// The organization.
    pub org_id: OrgId,
    /// What it tells.
    pub subject: DeliverySubject,
    /// Where it goes; of a webhook's, where the webhook was when it was made.
    pub callback_url: String,
    /// The body, frozen when the delivery was made: every attempt sends these bytes.
    pub payload: String,
    /// The current secret when it was last signed; none when there was none.
    pub signing_secret_id: Option<CallbackSecretId>,
    /// Made by what happened, not by a person.
    pub is_automatic: bool,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// A stable word for why it failed.
    pub failure_reason_code: Option<String>,
    /// Why it failed, for a person.
    pub failure_detail: Option<String>,
    /// Attempts made.
    pub attempt_count: u32,
    /// Attempts after which it is given up.
    pub max_attempts: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it succeeded or was given up.
    pub completed_at: Option<Timestamp>,
}

/// The deliveries of webhooks, as a list of them knows them.
#[derive(Debug)]
pub struct WebhookDelivery;

impl Listed for WebhookDelivery {
    const LIST: &'static str = "webhook deliveries";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("webhook_id", FieldKind::Id).unsortable(),
        Field::new("event_type_code", FieldKind::Word(EventType::WORDS)).unsortable(),
        Field::new("status_code", FieldKind::Word(DeliveryStatus::WORDS))
            .unsortable()
            .stored_as("status"),
        Field::new("failure_reason_code", FieldKind::Text)
            .nullable()
            .unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("updated_at", FieldKind::Time).unsortable(),
        Field::new("completed_at", FieldKind::Time)
            .nullable()
            .unsortable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &["status_code", "event_type_code"];
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt.
    pub id: AttemptId,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Its number, from 1.
    pub attempt_number: u32,
    /// The receiver's HTTP status, when it answered.
    pub status_code: Option<u16>,
    /// The first 4 KiB of the receiver's answer.
    pub response_body: Option<String>,
    /// How long the receiver took to answer, in milliseconds.
    pub response_time_ms: Option<i64>,
    /// Why there was no answer, or why its body broke off.
    pub error_message: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Attempt {
    /// Whether the receiver took the message.
    pub const fn succeeded(&self) -> bool {
        matches!(self.status_code, Some(200..=299))
    }
}

impl Listed for Attempt {
    const LIST: &'static str = "attempts";
    const FIELDS: &'static [Field] = &[
        Field::new("attempt_number", FieldKind::Integer),
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("status_code", FieldKind::Integer).nullable(),
        Field::new("response_time_ms", FieldKind::Integer).nullable(),
        Field::new("created_at", FieldKind::Time),
    ];
    const SHORTCUTS: &'static [&'static str] = &["status_code"];
    const DEFAULT_SORT: &'static str = "attempt_number";
}
