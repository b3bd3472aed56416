//! Assets: what is found in their bytes, their records, their URLs.

mod get;
mod inspect;
mod open;
mod register;
mod url;

pub use get::AssetView;
pub(crate) use inspect::{Facts, Inspected};
pub use open::{Opened, SignedRequest, UploadGrant};
pub(crate) use register::NewFile;
pub use runnel_blobs::{Method, RangeError, parse_range};
pub(crate) use url::{parse_reference, reference};
