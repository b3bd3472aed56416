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

#[cfg(test)]
mod tests {
    use std::io;

    use runnel_types::Kind;

    use super::*;

    #[test]
    fn a_storage_that_cannot_be_used_now_is_worth_another_try() {
        let of = |kind: io::ErrorKind| BlobError::from(io::Error::from(kind));
        let away = |reason: &str| BlobError::Unavailable {
            reason: reason.to_owned(),
        };
        let cases = [
            (of(io::ErrorKind::StorageFull), "storage is full"),
            (of(io::ErrorKind::QuotaExceeded), "storage is full"),
            (of(io::ErrorKind::ReadOnlyFilesystem), "cannot be written"),
            (of(io::ErrorKind::PermissionDenied), "cannot be written"),
            (away("http://10.0.0.1: 500"), "does not answer"),
        ];
        for (error, words) in cases {
            let detail = error.to_string();
            let fault = blob(error);
            assert_eq!(fault.kind, Kind::Unavailable, "{detail}");
            assert!(fault.message.contains(words), "{}", fault.message);
            assert!(!fault.message.contains("10.0.0.1"), "{}", fault.message);
            assert_eq!(fault.detail, Some(detail));
        }
        let other = blob(of(io::ErrorKind::InvalidData));
        assert_eq!(other.kind, Kind::Internal);
    }
}
