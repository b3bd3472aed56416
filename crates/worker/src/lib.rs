//! Jobs in, outcomes out: the driver of the rules that works in the background.
//!
//! A [`Worker`] claims due jobs, keeps their leases alive while they work, and
//! hands each to its rule. No transaction is open while a job works: claim,
//! commit, work, record. The rule records its outcome together with the end of
//! the job; what this crate does itself is the time in between.

mod deliverer;
mod dispatch;
mod jobs;
mod lease;
mod looks;
mod outage;
mod run_loop;

pub use deliverer::Deliverer;
pub use dispatch::SWEEP_PAUSE;
pub use run_loop::{Drained, Worker};
