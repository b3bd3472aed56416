//! What becomes of errors from below when a caller is to hear of them.

use runnel_blobs::BlobError;
use runnel_store::StoreError;
use runnel_types::Fault;

/// A database that is away is worth another try; anything else is ours to mend.
pub(crate) fn store(error: StoreError) -> Fault {
    match error {
        StoreError::Unavailable { .. } => Fault {
            detail: Some(error.with_causes()),
            ..Fault::unavailable("the database does not answer; try again in a moment")
        },
        other => Fault::internal(other.with_causes()),
    }
}

/// A storage that is full, away or closed is worth a word to the caller;
/// anything else is ours to mend.
pub(crate) fn blob(error: BlobError) -> Fault {
    let told = match error {
        BlobError::Full { .. } | BlobError::TemporaryFull { .. } => {
            "the server's storage is full; try again later"
        }
        BlobError::ReadOnly { .. } => {
            "the server's storage cannot be written at present; try again later"
        }
        BlobError::Unavailable { .. } => {
            "the server's object store does not answer; try again in a moment"
        }
        BlobError::Denied { .. } | BlobError::NoBucket { .. } => {
            "the server's object store turns it away; try again later"
        }
        BlobError::Busy => {
            return Fault::upload_locked(
                "another request is appending to this upload; ask for the offset with HEAD and go on from there",
            );
        }
        other => return Fault::internal(other),
    };
    Fault {
        detail: Some(error.to_string()),
        ..Fault::unavailable(told)
    }
}
