//! The product from outside: over real HTTP, on both databases, killed and restarted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

mod cli;
mod coverage;
mod engines;
mod faults;
mod flows;
mod hostile;
mod house;
mod pages;
mod routes;
