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

/// A full disk is worth a word to the caller; anything else is ours to mend.
pub(crate) fn blob(error: BlobError) -> Fault {
    match error {
        BlobError::Full { .. } => Fault {
            detail: Some(error.to_string()),
            ..Fault::unavailable("the server's storage is full; try again later")
        },
        BlobError::Busy => Fault::upload_locked(
            "another request is appending to this upload; ask for the offset with HEAD and go on from there",
        ),
        other => Fault::internal(other),
    }
}
