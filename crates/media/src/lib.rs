//! Pictures: bytes in, facts and pixels out.
//!
//! Synchronous: nothing here logs or opens a connection. The callers run it on
//! threads that may be kept busy. Most pictures are read in this process; AVIF,
//! HEIC, SVG, video, sound and PDF by programs in processes of their own, under
//! limits ([`subprocess`]).
//!
//! [`sniff()`] tells the type from the first bytes, [`probe()`] the facts from
//! the header under a [`Budget`], [`decode()`] the pixels, [`thumbnail()`] the
//! small version of a file, and `encode_*` make files of pixels. [`types()`] is
//! the table of what is taken; [`inspect()`] and [`thumbnail_of`] take all of it.

pub mod archive;
mod budget;
pub mod clip;
mod colour;
pub mod compose;
pub mod cutout;
mod decode;
mod encode;
mod error;
mod exif;
mod frame;
mod inspect;
pub mod isolate;
mod libwebp;
mod orient;
pub mod page;
mod picture;
mod plane;
mod planes;
mod ppm;
mod probe;
mod pyramid;
pub mod reframe;
mod resize;
mod rows;
#[cfg(any(test, feature = "fixtures"))]
pub mod sample;
pub mod scene;
pub mod segment;
mod shadow;
mod sniff;
pub mod studio;
pub mod subject;
pub mod subprocess;
mod svg;
mod thumbnail;
mod tools;
mod transform;
mod types;
pub mod upscale;
mod vp8;
mod workspace;

pub use budget::Budget;
pub use decode::{Want, decode};
pub use encode::{encode_avif, encode_jpeg, encode_png, encode_webp};
pub use error::MediaError;
pub use frame::{ASPECT_RATIOS, Frame, RESOLUTIONS};
pub use inspect::{Inspection, inspect, thumbnail_of};
pub use orient::Orientation;
pub use picture::{Channels, Picture};
pub use probe::{MAX_FRAMES, Probe, probe};
pub use sniff::{HEAD_BYTES, Sniffed, sniff};
pub use thumbnail::{THUMBNAIL_SIDE, Thumbnail, thumbnail, thumbnail_with};
pub use tools::{TOOLS, Tool};
pub use transform::{Fit, Format, MAX_RESULT_SIDE, Transform, Transformed, transform};
pub use types::{MediaType, SUPPORTED, TypeInfo, declared_fits, types};
pub use workspace::sweep_workspaces;
