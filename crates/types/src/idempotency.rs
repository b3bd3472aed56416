//! Answers that are kept for callers who ask again with the same key.

use crate::time::Timestamp;

/// An answer of the API as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body: JSON, as text. In a row it is sealed.
    pub body: String,
}

/// What is known of an idempotency key that somebody used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// SHA-256 over what was asked, 64 hex characters.
    pub fingerprint: String,
    /// Whether what was asked has been done, answered or not.
    pub is_done: bool,
    /// Until when the request that has the key is taken to be at work.
    pub lease_until: Timestamp,
    /// The answer, once there is one, with its body as it is kept.
    pub answer: Option<Answer>,
}
