//! Callbacks, and events for webhooks: planned with what they tell, attempted until
//! they are delivered.
//!
//! The body is frozen when the delivery is made; every attempt sends the same
//! bytes. A delivery and the job of its first attempt are written with that
//! end. A crash between an attempt and its record repeats the attempt:
//! the receiver sees the same `webhook-id` twice, never none.

mod attempt;
mod events;
mod payload;
mod plan;
mod read;
mod redeliver;
mod schedule;
mod sign;

pub use attempt::Attempted;
pub(crate) use attempt::{GONE, Over};
pub(crate) use plan::News;
