//! Objects and the signed URLs that lead to them.
//!
//! A [`Key`] names an object. [`Blobs`] keeps it, on the local disk or in a
//! bucket, so that what was answered survives a crash. [`UrlSigner`] makes and
//! checks the URLs by which a client without an API key may send or fetch it;
//! a bucket signs its own. A body that arrives in pieces is a [`Progress`] in
//! between.

mod blobs;
#[cfg(test)]
mod conformance;
mod error;
mod key;
mod local;
mod object;
mod range;
mod remote;
mod reproducible;
mod resumable;
mod sha256;
mod signed_url;
mod storage_url;
mod variables;

pub use blobs::{Blobs, Staged};
pub use error::BlobError;
pub use key::{BadKey, Key};
pub use object::{AtHand, Download, Listed, Meta, Object, Stored};
pub use range::{RangeError, parse_range};
pub use reproducible::crc32;
pub use resumable::{Appender, Progress};
pub use signed_url::{Grant, Method, TransformParameters, UrlError, UrlSigner};
pub use variables::Variables;
