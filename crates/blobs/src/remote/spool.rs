//! Brings an object here as a file without a name, for work that needs one.
//!
//! Decoders and `ffmpeg` seek; a request for each seek would cost more than
//! the bytes. The file lies in the folder for temporary files, takes no more
//! room than the object's size, and goes with its handle, however the process ends.

use std::fs::File;
use std::io::{self, Seek, Write};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use sha2::{Digest, Sha256};

use super::Remote;
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Stored;

/// How much is gathered before it is written and hashed, in bytes.
const BUFFER: usize = 1024 * 1024;

struct Spool {
    file: File,
    hasher: Sha256,
    size_bytes: u64,
}

impl Spool {
    fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        for piece in pieces {
            self.hasher.update(piece);
            self.size_bytes += piece.len() as u64;
            self.file.write_all(piece)?;
        }
        Ok(())
    }
}

impl Remote {
    /// The object as a file at its beginning, with its size and hash.
    pub(crate) async fn spool(&self, key: &Key) -> Result<(File, Stored), BlobError> {
        let path = self.path(&key.to_string());
        let got = self.inner.store.get(&path).await;
        let got = got.map_err(|error| self.failed(error))?;
        let size = got.meta.size;
        let mut spool = blocking(|| {
            Ok(Spool {
                file: tempfile::tempfile()?,
                hasher: Sha256::new(),
                size_bytes: 0,
            })
        })
        .await?;
        let mut stream = got.into_stream();
        let mut pieces = Vec::new();
        let mut gathered = 0;
        loop {
            let piece = stream
                .try_next()
                .await
                .map_err(|error| self.failed(error))?;
            gathered += piece.as_ref().map_or(0, Bytes::len);
            let is_last = piece.is_none();
            pieces.extend(piece);
            if gathered >= BUFFER || is_last {
                let full = std::mem::take(&mut pieces);
                gathered = 0;
                spool = blocking(move || {
                    spool.write(&full)?;
                    Ok(spool)
                })
                .await?;
            }
            if spool.size_bytes > size || (is_last && spool.size_bytes < size) {
                return Err(BlobError::Unavailable {
                    reason: format!(
                        "the object {key} has {size} bytes by its header and {} on arrival",
                        spool.size_bytes
                    ),
                });
            }
            if is_last {
                break;
            }
        }
        blocking(move || {
            spool.file.rewind()?;
            let stored = Stored {
                size_bytes: spool.size_bytes,
                sha256: hex::encode(spool.hasher.finalize()),
            };
            Ok((spool.file, stored))
        })
        .await
    }
}

/// Work on the temporary file, whose disk is not that of the storage.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(io::Error::other)?;
    done.map_err(|source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::TemporaryFull {
            folder: std::env::temp_dir(),
            source,
        },
        _ => BlobError::Io { source },
    })
}
