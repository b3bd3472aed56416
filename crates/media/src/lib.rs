//! Pictures: bytes in, facts and pixels out.
//!
//! Pure and synchronous: nothing here waits, logs or opens a connection. The
//! callers run it on threads that may be kept busy.
//!
//! [`sniff()`] tells the type from the first bytes, [`probe()`] the facts from
//! the header under a [`Budget`], [`decode()`] the pixels, [`thumbnail()`] the
//! small version of a file, and `encode_*` make files of pixels.

mod budget;
pub mod compose;
pub mod cutout;
mod decode;
mod encode;
mod error;
mod exif;
mod libwebp;
mod orient;
mod picture;
mod plane;
mod probe;
#[cfg(any(test, feature = "fixtures"))]
pub mod sample;
pub mod segment;
mod sniff;
pub mod studio;
mod thumbnail;

pub use budget::Budget;
pub use decode::{Want, decode};
pub use encode::{encode_jpeg, encode_png, encode_webp};
pub use error::MediaError;
pub use orient::Orientation;
pub use picture::{Channels, Picture};
pub use probe::{Probe, probe};
pub use sniff::{HEAD_BYTES, MediaType, SUPPORTED, Sniffed, sniff};
pub use thumbnail::{THUMBNAIL_SIDE, Thumbnail, thumbnail};
