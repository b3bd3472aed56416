//! Deliveries: a callback on its way to its receiver, attempt by attempt.

use crate::id::{AttemptId, BatchId, CallbackSecretId, DeliveryId, OrgId, RunId};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

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

/// Whose end a callback tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverySubject {
    /// A run's.
    Run(RunId),
    /// A batch's.
    Batch(BatchId),
}

impl DeliverySubject {
    /// The run, when it is one.
    pub const fn run(self) -> Option<RunId> {
        match self {
            Self::Run(id) => Some(id),
            Self::Batch(_) => None,
        }
    }

    /// The batch, when it is one.
    pub const fn batch(self) -> Option<BatchId> {
        match self {
            Self::Run(_) => None,
            Self::Batch(id) => Some(id),
        }
    }
}

/// A callback to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery; also its `webhook-id`, the same on every attempt.
    pub id: DeliveryId,
    /// The organization.
    pub org_id: OrgId,
    /// Whose end it tells.
    pub subject: DeliverySubject,
    /// Where it goes.
    pub callback_url: String,
    /// The body, frozen when the delivery was made: every attempt sends these bytes.
    pub payload: String,
    /// The current secret when it was last signed; none when there was none.
    pub signing_secret_id: Option<CallbackSecretId>,
    /// Made by that end, not by a person.
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

/// One attempt to deliver a callback.
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
