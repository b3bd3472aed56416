//! Storage URLs: no key, only the signature in the URL.

pub(crate) mod get;
mod outgoing;
pub(crate) mod put;
pub(crate) mod tus;
