//! The form in which every operation shows the deliveries of callbacks.

use runnel_types::{Attempt, Delivery, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A callback on its way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryResponse {
    /// The delivery, and its `webhook-id`.
    id: Uuid,
    /// The run whose end it tells; null when it is a batch's.
    run_id: Option<Uuid>,
    /// The batch whose end it tells; null when it is a run's.
    batch_id: Option<Uuid>,
    /// Where it goes.
    callback_url: String,
    /// The length of the body.
    payload_bytes: usize,
    /// The body.
    payload: Value,
    /// The current callback secret when it was last signed.
    signing_secret_id: Option<Uuid>,
    /// Made by the end of the run or the batch, not by a person.
    is_automatic: bool,
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
    attempts: Vec<AttemptResponse>,
}

/// One attempt to deliver a callback.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttemptResponse {
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
    /// How long the receiver took to answer.
    response_time_ms: Option<i64>,
    /// Why there was no answer, or why its body broke off.
    error_message: Option<String>,
    /// When it was made.
    created_at: String,
}

impl From<Attempt> for AttemptResponse {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id.as_uuid(),
            delivery_id: attempt.delivery_id.as_uuid(),
            attempt_number: attempt.attempt_number,
            status_code: attempt.status_code,
            response_body: attempt.response_body,
            response_time_ms: attempt.response_time_ms,
            error_message: attempt.error_message,
            created_at: attempt.created_at.to_rfc3339(),
        }
    }
}

impl From<(Delivery, Vec<Attempt>)> for DeliveryResponse {
    fn from((delivery, attempts): (Delivery, Vec<Attempt>)) -> Self {
        Self {
            id: delivery.id.as_uuid(),
            run_id: delivery.subject.run().map(Into::into),
            batch_id: delivery.subject.batch().map(Into::into),
            callback_url: delivery.callback_url,
            payload_bytes: delivery.payload.len(),
            // What is nested too deeply for a reader is shown as the text that it is.
            payload: serde_json::from_str(&delivery.payload)
                .unwrap_or(Value::String(delivery.payload)),
            signing_secret_id: delivery.signing_secret_id.map(Into::into),
            is_automatic: delivery.is_automatic,
            status_code: delivery.status.as_str(),
            failure_reason_code: delivery.failure_reason_code,
            failure_detail: delivery.failure_detail,
            attempt_count: delivery.attempt_count,
            max_attempts: delivery.max_attempts,
            next_attempt_at: delivery.next_attempt_at.map(Timestamp::to_rfc3339),
            created_at: delivery.created_at.to_rfc3339(),
            updated_at: delivery.updated_at.to_rfc3339(),
            completed_at: delivery.completed_at.map(Timestamp::to_rfc3339),
            attempts: attempts.into_iter().map(Into::into).collect(),
        }
    }
}

/// A delivery that nobody has attempted yet.
impl From<Delivery> for DeliveryResponse {
    fn from(delivery: Delivery) -> Self {
        Self::from((delivery, Vec::new()))
    }
}
