//! Objects and the signed URLs that lead to them.
//!
//! A [`Key`] names an object, [`Blobs`] keeps it on the local disk so that what
//! was answered survives a crash, [`UrlSigner`] makes and checks the URLs by
//! which a client without an API key may send or fetch it.

mod error;
mod key;
mod local;
mod range;
mod signed_url;

pub use error::BlobError;
pub use key::{BadKey, Key};
pub use local::{Blobs, Object, Staged, Stored};
pub use range::{RangeError, parse_range};
pub use signed_url::{Grant, Method, TransformParameters, UrlError, UrlSigner};
