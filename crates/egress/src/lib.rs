//! The one door out: every request that the server makes goes through here.
//!
//! A URL that somebody gave may name anything: the cloud's metadata service,
//! the database, a router. So a name is resolved first, every address is held
//! against a [`Policy`], and the connection goes to exactly the address that
//! was checked. Redirects are not followed on the client's own: whoever allows
//! them checks each hop. Answers are read up to a limit and for a limited time.

mod client;
mod error;
mod fetch;
mod origin;
mod policy;
mod resolver;

pub use client::{Answer, Body, Egress, EgressConfig, Post, Response};
pub use error::EgressError;
pub use fetch::{FetchError, Fetched, Pace};
pub use http::Method;
pub use origin::{Ask, Origin, Patience, Reply, WebSocket};
pub use policy::{BadRange, Policy, Refused};
pub use resolver::{Addresses, Resolve, SystemResolver};
pub use url::Url;
