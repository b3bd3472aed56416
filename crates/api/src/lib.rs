//! HTTP in, domain calls, JSON out: the driver of the rules that answers requests.
//!
//! [`routes`] lists every operation in one table; a handler's file is found by
//! its path there. Handlers hold no rules: they read a request, call the
//! domain, and shape the answer. The only crate that knows HTTP's server side.

mod assets;
mod auth;
mod batches;
mod body_limit;
mod callback_secrets;
mod caller;
mod connection;
pub mod cors;
mod deliveries;
mod docs;
mod error;
mod extract;
mod folders;
mod form;
mod frames;
mod health;
mod idempotency;
mod lenient;
mod life;
mod list;
mod metrics;
mod model_path;
mod models;
mod multipart;
mod openapi;
mod page;
mod parameters;
mod path;
mod patience;
mod prefer;
mod rates;
pub mod receiver;
mod request;
mod room;
pub mod routes;
mod runs;
pub mod server;
mod storage;
mod uploads;
mod watched;
mod webhooks;
mod weight;

pub use cors::Cors;
pub use routes::{router, watch_router};
