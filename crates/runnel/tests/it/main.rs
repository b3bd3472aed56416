//! The product from outside: over real HTTP, on both databases, killed and restarted.

mod cli;
mod faults;
mod flows;
mod hostile;
mod house;
mod routes;
