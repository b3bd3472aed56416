//! Callbacks: planned with the end of a run or a batch, attempted until they are
//! delivered.
//!
//! The body is frozen when the delivery is made; every attempt sends the same
//! bytes. A delivery and the job of its first attempt are written with that
//! end. A crash between an attempt and its record repeats the attempt:
//! the receiver sees the same `webhook-id` twice, never none.

mod answer;
mod attempt;
mod payload;
mod plan;
mod read;
mod redeliver;
mod schedule;
mod sign;

pub use attempt::Attempted;
