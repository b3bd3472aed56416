//! Callbacks, and events for webhooks: planned with what they tell, attempted until
//! they are delivered.
//!
//! The body is frozen when the delivery is made; every attempt sends the same
//! bytes. A delivery and the job of its first attempt are written with that end.
//!
//! # An attempt
//! 1. [`Services::claim_deliveries`](crate::Services::claim_deliveries) takes what
//!    is due of many receivers in one commit, which marks it as being delivered.
//! 2. [`Services::attempt`](crate::Services::attempt) signs and sends one; as many
//!    as the deliverer likes are on their way at once, and nothing is open meanwhile.
//! 3. [`Services::record_attempts`](crate::Services::record_attempts) writes what
//!    came of all that have ended by then, in one commit.
//!
//! A crash between an attempt and its record repeats the attempt: the receiver
//! sees the same `webhook-id` twice, never none.

mod answer;
mod attempt;
mod circuits;
mod claim;
mod due;
mod events;
mod payload;
mod plan;
mod read;
mod record;
mod redeliver;
mod schedule;
mod sign;

pub use attempt::Finished;
pub(crate) use attempt::GONE;
pub use circuits::{CircuitCounts, Circuits};
pub use claim::DueClaims;
pub use due::Due;
pub(crate) use due::Over;
pub(crate) use plan::News;
