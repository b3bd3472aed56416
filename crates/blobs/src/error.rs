//! What can go wrong with objects, in the words of whoever can mend it.

use std::io;
use std::path::PathBuf;

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
    /// No room is left where files lie while they are looked at.
    #[error(
        "the folder for temporary files {} is full; free some space there or name another with TMPDIR",
        folder.display()
    )]
    TemporaryFull {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk does not let itself be written.
    #[error(
        "the storage cannot be written ({source}); give the server's user the right to write there, or move the storage with --storage-url"
    )]
    ReadOnly {
        /// What the system said, with the path.
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
    /// The storage URL cannot be used.
    #[error("the storage URL {url} cannot be used: {reason}")]
    Unsupported {
        /// The URL given, without what may be a secret.
        url: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// There is no such bucket.
    #[error(
        "the store says that there is no {kind} {bucket:?}; create it, or mend its name in --storage-url"
    )]
    NoBucket {
        /// What the store calls it.
        kind: &'static str,
        /// Its name.
        bucket: String,
    },
    /// The store does not take the server's credentials.
    #[error("the store refuses the server's credentials: {reason}; check {hint}")]
    Denied {
        /// What the store said.
        reason: String,
        /// Where the credentials come from.
        hint: &'static str,
    },
    /// The store does not answer, or answers that it cannot.
    #[error("the object store does not do what it is asked: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
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
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { source }
            }
            _ => Self::Io { source },
        }
    }
}
