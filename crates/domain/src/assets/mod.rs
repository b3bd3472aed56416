//! Assets: what is found in their bytes, their records, their URLs.

mod change;
mod delete;
mod disposition;
mod draw;
mod get;
mod inspect;
mod list;
mod open;
mod redraw;
mod register;
mod sign;
mod transform;
mod upload;
mod url;

pub use disposition::disposition;
pub use get::AssetView;
pub(crate) use inspect::{Facts, Inspected, refuse_head};
pub use list::AcceptedType;
pub use open::{Opened, SignedRequest, UploadGrant};
pub(crate) use register::{Described, NewFile, Storing, with_extension};
pub use runnel_blobs::{Key, Method, Object, RangeError, parse_range};
pub use runnel_media::subprocess::Programs;
pub use sign::SignedUrl;
pub use transform::{Flights, Transforms};
pub use upload::IncomingFile;
pub(crate) use url::{parse_reference, reference};

/// The fault of an asset that the caller does not have.
pub(crate) fn not_found(id: runnel_types::AssetId) -> runnel_types::Fault {
    runnel_types::Fault::not_found("ASSET_NOT_FOUND", format!("there is no asset {id}"))
}
