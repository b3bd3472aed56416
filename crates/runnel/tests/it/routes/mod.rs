//! Each route on its own; the folders mirror those of the API.

mod assets;
mod batches;
mod callback_secrets;
mod conventions;
mod cors;
mod document;
mod folders;
mod forms;
mod idempotency;
mod inputs;
mod library;
mod life;
mod metrics;
pub(crate) mod models;
mod puts;
mod rates;
mod resumable;
mod runs;
mod targets;
mod transforms;
mod types;
mod uploads;
mod webhooks;
