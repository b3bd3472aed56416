//! What can go wrong with objects.

use std::io;

/// Why an object could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No room is left.
    #[error(
        "the disk of the storage is full; free some space or move the storage with --storage-url"
    )]
    Full {
        /// What the system said.
        source: io::Error,
    },
    /// There is no such object.
    #[error("there is no object {key}")]
    Missing {
        /// The object's key.
        key: String,
    },
    /// Somebody else is appending to the same body.
    #[error("another request is appending to this body")]
    Busy,
    /// The storage URL names something that is not supported.
    #[error("the storage URL {url:?} is not supported; give file:///absolute/folder")]
    Unsupported {
        /// The URL given.
        url: String,
    },
    /// Anything else that the system said.
    #[error("the storage failed: {source}")]
    Io {
        /// What the system said, with the path.
        source: io::Error,
    },
}

impl From<io::Error> for BlobError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { source },
            _ => Self::Io { source },
        }
    }
}
