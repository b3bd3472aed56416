//! Pictures: bytes in, facts and pixels out.
//!
//! Pure and synchronous: nothing here waits, logs or opens a connection. The
//! callers run it on threads that may be kept busy.

mod error;
mod picture;
mod sniff;

pub use error::MediaError;
pub use picture::{Channels, Picture};
pub use sniff::{HEAD_BYTES, MediaType, SUPPORTED, Sniffed, sniff};
