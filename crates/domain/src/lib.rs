//! Rules and transitions of Runnel; no HTTP types, no SQL text.
//!
//! Two drivers call these rules: a request (`runnel-api`) and a job
//! (`runnel-worker`). A rule that a request reaches takes a [`Caller`], checks
//! its scope and stays inside its organization. One transaction tells one
//! story: read, decide, write the state together with the job that follows
//! from it, commit; network and clean-up come after the commit.

pub mod assets;
pub mod audit;
pub mod batches;
pub mod callback_secrets;
mod caller;
pub mod deliveries;
mod faults;
mod fields;
pub mod folders;
mod idempotency;
pub mod jobs;
pub mod keys;
mod memory;
mod meters;
pub mod models;
mod orgs;
mod rates;
mod readiness;
mod removals;
pub mod runs;
mod sealing;
mod services;
mod shared;
pub mod signatures;
mod slots;
mod thread_slots;
pub mod thumbnails;
pub mod uploads;
pub mod webhooks;

pub use caller::Caller;
pub use idempotency::Begun;
pub use memory::{BodyMemory, Memory, Room};
pub use meters::Meters;
pub use rates::{Allowance, Rates};
pub use readiness::Readiness;
pub use sealing::Sealer;
pub use services::{Limits, Services};
pub use slots::FairSlots;
pub use thread_slots::{ThreadSlot, ThreadSlots};
