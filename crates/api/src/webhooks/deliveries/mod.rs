//! What was sent to webhooks, and the form in which every operation shows it.

pub(crate) mod attempt;
pub(crate) mod attempts;
pub(crate) mod get;
pub(crate) mod list;
mod path;
pub(crate) mod redeliver;

use runnel_domain::webhooks::{AttemptView, DeliveryView};
use runnel_types::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// An event on its way to a webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookDeliveryResponse {
    /// The delivery, and its `webhook-id`.
    id: Uuid,
    /// The webhook that it is for.
    webhook_id: Option<Uuid>,
    /// What happened.
    event_type_code: Option<&'static str>,
    /// The body.
    payload: Value,
    /// The length of the body.
    payload_bytes: usize,
    /// Made by what happened, not by a person.
    is_automatic: bool,
    /// The first delivery of the event, when this one repeats it.
    redelivery_of: Option<Uuid>,
    /// `pending`, `delivering`, `succeeded` or `failed`.
    status_code: &'static str,
    /// A stable word for why it failed.
    failure_reason_code: Option<String>,
    /// Why it failed, for a person.
    failure_detail: Option<String>,
    /// Attempts made.
    attempt_count: u32,
    /// Attempts after which it is given up.
    max_attempts: u32,
    /// When the next attempt is due.
    next_attempt_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// When it succeeded or was given up.
    completed_at: Option<String>,
    /// The attempts, oldest first.
    attempts: Vec<WebhookAttemptResponse>,
}

/// One attempt to deliver an event.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookAttemptResponse {
    /// The attempt.
    id: Uuid,
    /// Its delivery.
    delivery_id: Uuid,
    /// Its number, from 1.
    attempt_number: u32,
    /// The receiver's HTTP status, when it answered.
    status_code: Option<u16>,
    /// The first 4 KiB of the receiver's answer.
    response_body: Option<String>,
    /// How long the receiver took.
    response_time_ms: Option<i64>,
    /// Whether the receiver took it.
    succeeded: bool,
    /// Why there was no answer.
    error_message: Option<String>,
    /// When the next attempt is due; of an earlier one, when that was made.
    next_retry_at: Option<String>,
    /// When it was made.
    created_at: String,
}

impl From<AttemptView> for WebhookAttemptResponse {
    fn from(view: AttemptView) -> Self {
        let attempt = view.attempt;
        Self {
            id: attempt.id.as_uuid(),
            delivery_id: attempt.delivery_id.as_uuid(),
            attempt_number: attempt.attempt_number,
            status_code: attempt.status_code,
            succeeded: attempt.succeeded(),
            response_body: attempt.response_body,
            response_time_ms: attempt.response_time_ms,
            error_message: attempt.error_message,
            next_retry_at: view.next_retry_at.map(Timestamp::to_rfc3339),
            created_at: attempt.created_at.to_rfc3339(),
        }
    }
}

impl From<DeliveryView> for WebhookDeliveryResponse {
    fn from(view: DeliveryView) -> Self {
        let delivery = view.delivery;
        let event = delivery.subject.webhook();
        Self {
            id: delivery.id.as_uuid(),
            webhook_id: event.map(|event| event.webhook_id.as_uuid()),
            event_type_code: event.map(|event| event.event_type.as_str()),
            payload_bytes: delivery.payload.len(),
            payload: serde_json::from_str(&delivery.payload).unwrap_or_default(),
            is_automatic: delivery.is_automatic,
            redelivery_of: event.and_then(|event| event.redelivery_of).map(Into::into),
            status_code: delivery.status.as_str(),
            failure_reason_code: delivery.failure_reason_code,
            failure_detail: delivery.failure_detail,
            attempt_count: delivery.attempt_count,
            max_attempts: delivery.max_attempts,
            next_attempt_at: delivery.next_attempt_at.map(Timestamp::to_rfc3339),
            created_at: delivery.created_at.to_rfc3339(),
            updated_at: delivery.updated_at.to_rfc3339(),
            completed_at: delivery.completed_at.map(Timestamp::to_rfc3339),
            attempts: view.attempts.into_iter().map(Into::into).collect(),
        }
    }
}
