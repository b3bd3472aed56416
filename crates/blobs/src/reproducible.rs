//! Objects that can be made again, such as thumbnails: nobody waits until the disk
//! has them.
//!
//! A loss of power may then take such an object, cut it short, or leave zeros in the
//! place of its bytes; a process that dies takes nothing from it. So it is read
//! together with its checksum, and whoever finds that it is not whole makes it again.
//! In a bucket it is kept as any other.

use crate::blobs::{Blobs, Place};
use crate::error::BlobError;
use crate::key::Key;
use crate::object::Object;

/// The CRC-32 (ISO-HDLC, as of zip and PNG) of an object's bytes.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

impl Blobs {
    /// Stores `bytes` under a key that nobody reads before the caller publishes it,
    /// and answers with their checksum, which is to be kept with the key: for
    /// [`Blobs::open_reproducible`].
    ///
    /// # Errors
    /// When it cannot be written; nothing is kept then.
    pub async fn put_reproducible(&self, key: &Key, bytes: &[u8]) -> Result<u32, BlobError> {
        self.stage_reproducible(key).store(bytes).await?;
        Ok(crc32(bytes))
    }

    /// Opens an object of that checksum; `None` when there is none, or on a disk
    /// one that is not whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open_reproducible(
        &self,
        key: &Key,
        checksum: u32,
    ) -> Result<Option<Object>, BlobError> {
        match self.place() {
            Place::Local(local) => {
                let is_whole = move |bytes: &[u8]| crc32(bytes) == checksum;
                local.open_whole(key, is_whole).await
            }
            Place::Remote(_) => self.open_object(key).await,
        }
    }
}
