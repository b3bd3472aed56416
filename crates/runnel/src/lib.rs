//! Runnel: a self-hosted server for media assets and model runs.
//!
//! The executable's inside: the command line ([`cli`]), the settings
//! ([`config`]), and the wiring of all parts into a running server ([`wire`]).

pub mod cli;
pub mod config;
mod descriptors;
mod failure;
mod first_start;
mod lifecycle;
mod memory;
pub mod models;
mod parts;
mod printer;
mod secret_key;
mod telemetry;
mod tls;
pub mod wire;

pub use failure::Failure;
