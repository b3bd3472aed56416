//! The one face of every storage: the same methods for a folder and a bucket.
//!
//! Whoever keeps an object does not know where it goes. What differs is told
//! by [`Blobs::presign_put`] and [`Blobs::presign_get`]: a bucket signs URLs
//! of its own and takes the bytes itself, a folder leaves both to the server.

use std::fs::File;
use std::time::Duration;

use futures_util::stream::BoxStream;
use runnel_types::{AssetId, OrgId, Timestamp};

use crate::error::BlobError;
use crate::key::Key;
use crate::local::{Local, LocalStaged};
use crate::object::{AtHand, Download, Hand, Listed, Meta, Object, Stored};
use crate::remote::{Remote, RemoteStaged};
use crate::storage_url::StorageUrl;
use crate::variables::Variables;

/// Objects, wherever they lie.
#[derive(Debug, Clone)]
pub struct Blobs(Place);

/// Where they lie.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Local(Local),
    Remote(Remote),
}

impl Blobs {
    /// Opens the storage at `url`: `file:///…`, `s3://…`, `gs://…`, `az://…`.
    /// A folder is created; a bucket is written to once, so that a wrong name
    /// or wrong credentials are told at the start. `variables` are where the
    /// credentials of a bucket come from.
    ///
    /// # Errors
    /// [`BlobError::Unsupported`] for a URL that cannot be used; what the
    /// storage says otherwise.
    pub async fn open(url: &str, variables: &Variables) -> Result<Self, BlobError> {
        let place = match url.parse()? {
            StorageUrl::Folder { path, is_synced } => {
                Place::Local(Local::open(path, is_synced).await?)
            }
            StorageUrl::Bucket(bucket) => Place::Remote(Remote::open(&bucket, variables).await?),
        };
        Ok(Self(place))
    }

    #[cfg(test)]
    pub(crate) const fn remote(remote: Remote) -> Self {
        Self(Place::Remote(remote))
    }

    /// Stores bytes under a name that is no key.
    #[cfg(test)]
    pub(crate) async fn put_named(&self, name: &str, bytes: &'static [u8]) {
        match &self.0 {
            Place::Local(local) => local.put_named(name, bytes),
            Place::Remote(remote) => remote.put_named(name, bytes).await,
        }
    }

    /// Where the objects lie, for the ways to keep one that are told elsewhere.
    pub(crate) const fn place(&self) -> &Place {
        &self.0
    }

    /// Whether the objects lie on another machine.
    pub const fn is_remote(&self) -> bool {
        matches!(self.0, Place::Remote(_))
    }

    /// Whether the storage can be used.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn check(&self) -> Result<(), BlobError> {
        match &self.0 {
            Place::Local(local) => local.check().await,
            Place::Remote(remote) => remote.check().await,
        }
    }

    /// Begins to take a body that is to become the object `key`. Nothing is
    /// written yet.
    pub fn stage(&self, key: &Key) -> Staged {
        Staged(match &self.0 {
            Place::Local(local) => Stage::Local(local.stage(key)),
            Place::Remote(remote) => Stage::Remote(remote.stage(key)),
        })
    }

    /// Begins to take a body under a key that nobody reads before the caller
    /// publishes it, such as by a row, when the body is finished. So a small body
    /// may be written where it will lie, and a process that dies meanwhile may
    /// leave a part of it there.
    pub fn stage_unpublished(&self, key: &Key) -> Staged {
        Staged(match &self.0 {
            Place::Local(local) => Stage::Local(local.stage_unpublished(key)),
            Place::Remote(remote) => Stage::Remote(remote.stage(key)),
        })
    }

    /// The same for bytes that can be made again: when the body is finished, a loss
    /// of power may still take it.
    pub(crate) fn stage_reproducible(&self, key: &Key) -> Staged {
        Staged(match &self.0 {
            Place::Local(local) => Stage::Local(local.stage_unpublished(key).unsynced()),
            Place::Remote(remote) => Stage::Remote(remote.stage(key)),
        })
    }

    /// Stores `bytes` under `key`, durably.
    ///
    /// # Errors
    /// When it cannot be written; nothing is kept then.
    pub async fn put_bytes(&self, key: &Key, bytes: &[u8]) -> Result<Stored, BlobError> {
        self.stage(key).store(bytes).await
    }

    /// What the storage says of an object; `None` when there is none.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn head(&self, key: &Key) -> Result<Option<Meta>, BlobError> {
        let found = match &self.0 {
            Place::Local(local) => local.head(key).await,
            Place::Remote(remote) => remote.head(key).await,
        };
        none_when_missing(found)
    }

    /// Opens an object; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open_object(&self, key: &Key) -> Result<Option<Object>, BlobError> {
        let opened = match &self.0 {
            Place::Local(local) => local.open_object(key).await,
            Place::Remote(remote) => remote.open_object(key).await,
        };
        none_when_missing(opened)
    }

    /// Brings an object here, for work on a blocking thread, which opens it. What
    /// lies in a bucket comes into a file without a name that goes with the handle.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none in a bucket; of a folder, the
    /// opening tells.
    pub async fn at_hand(&self, key: &Key) -> Result<AtHand, BlobError> {
        match &self.0 {
            Place::Local(local) => Ok(AtHand(Hand::Local {
                local: local.clone(),
                key: key.clone(),
            })),
            Place::Remote(remote) => remote.spool(key).await.map(|(file, _)| file.into()),
        }
    }

    /// As [`Blobs::at_hand`], and opens it.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn open_std(&self, key: &Key) -> Result<File, BlobError> {
        match &self.0 {
            Place::Local(local) => local.open_std(key).await,
            Place::Remote(remote) => remote.spool(key).await.map(|(file, _)| file),
        }
    }

    /// As [`Blobs::open_std`], with the size and the hash of what was read.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn open_hashed(&self, key: &Key) -> Result<(File, Stored), BlobError> {
        match &self.0 {
            Place::Local(local) => local.open_hashed(key).await,
            Place::Remote(remote) => remote.spool(key).await,
        }
    }

    /// The first `most` bytes of an object, or all of a shorter one.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn read_head(&self, key: &Key, most: usize) -> Result<Vec<u8>, BlobError> {
        match &self.0 {
            Place::Local(local) => local.read_head(key, most).await,
            Place::Remote(remote) => remote.read_head(key, most).await,
        }
    }

    /// The whole of an object, in memory.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn read_all(&self, key: &Key) -> Result<Vec<u8>, BlobError> {
        match &self.0 {
            Place::Local(local) => local.read_head(key, usize::MAX).await,
            Place::Remote(remote) => remote.read_all(key).await,
        }
    }

    /// Makes `to` an object with the bytes that `from` has now. A bucket does
    /// it by itself.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is no `from`.
    pub async fn copy(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        match &self.0 {
            Place::Local(local) => local.copy(from, to).await,
            Place::Remote(remote) => remote.copy(from, to).await,
        }
    }

    /// Removes an object, and the folders that it leaves empty. One that is
    /// not there is removed already.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        self.delete_named(&key.to_string()).await
    }

    /// Removes what [`Blobs::list`] told under `name`, whether or not the
    /// server put it there.
    ///
    /// # Errors
    /// When it cannot be removed, or when `name` leads out of the storage.
    pub async fn delete_named(&self, name: &str) -> Result<(), BlobError> {
        match &self.0 {
            Place::Local(local) => local.delete(name).await,
            Place::Remote(remote) => remote.delete(name).await,
        }
    }

    /// Removes everything of an asset: its bytes, thumbnails, what was derived of
    /// them, and parts of bodies that lie beside them. Nothing being there is fine.
    ///
    /// # Errors
    /// When something cannot be removed; asking again removes the rest.
    pub async fn delete_asset(&self, org: OrgId, asset: AssetId) -> Result<(), BlobError> {
        let pieces = Key::pieces_of(org, asset);
        match &self.0 {
            Place::Local(local) => {
                local.delete_folder(&pieces).await?;
                local.delete_asset(org, asset).await
            }
            Place::Remote(remote) => {
                remote.delete_folder(&pieces).await?;
                remote.delete_folder(&Key::folder_of(org, asset)).await
            }
        }
    }

    /// Everything that lies in the storage, in no particular order, as it is
    /// asked for. What is still being written is not told.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        match &self.0 {
            Place::Local(local) => local.list(),
            Place::Remote(remote) => remote.list(),
        }
    }

    /// Removes temporary files that dead processes left; says how many. A
    /// bucket keeps none: what it has of a broken body goes by a rule of its own.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn sweep_temporary(&self) -> Result<usize, BlobError> {
        match &self.0 {
            Place::Local(local) => local.sweep_temporary().await,
            Place::Remote(_) => Ok(0),
        }
    }

    /// Whether clients send bytes to the storage itself, by [`Blobs::presign_put`].
    pub fn takes_uploads(&self) -> bool {
        match &self.0 {
            Place::Local(_) => false,
            Place::Remote(remote) => remote.takes_uploads(),
        }
    }

    /// A URL of the storage's own by which `size_bytes` bytes of `mime_type`
    /// may be sent for the time given; `None` where the server takes them.
    ///
    /// # Errors
    /// When there are no credentials to sign with.
    pub async fn presign_put(
        &self,
        key: &Key,
        now: Timestamp,
        valid_for: Duration,
        mime_type: &str,
        size_bytes: u64,
    ) -> Result<Option<String>, BlobError> {
        match &self.0 {
            Place::Local(_) => Ok(None),
            Place::Remote(remote) => {
                remote
                    .presign_put(key, now, valid_for, mime_type, size_bytes)
                    .await
            }
        }
    }

    /// A URL of the storage's own by which an object may be fetched for the
    /// time given, seven days at most; `None` where the server sends it.
    pub fn presign_get(
        &self,
        key: &Key,
        now: Timestamp,
        valid_for: Duration,
        download: Download<'_>,
    ) -> Option<String> {
        match &self.0 {
            Place::Local(_) => None,
            Place::Remote(remote) => remote.presign_get(key, now, valid_for, download),
        }
    }

    /// The object that a URL from [`Blobs::presign_get`] names, where the server
    /// can tell. Whether the URL's time has passed is not judged.
    pub fn read_presigned(&self, url: &str) -> Option<Key> {
        match &self.0 {
            Place::Local(_) => None,
            Place::Remote(remote) => remote.read_presigned(url),
        }
    }
}

/// A body that is arriving. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct Staged(Stage);

#[derive(Debug)]
enum Stage {
    Local(LocalStaged),
    Remote(RemoteStaged),
}

impl Staged {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    ///
    /// # Cancel safety
    /// A dropped call loses the body: drop the whole [`Staged`] then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        match &mut self.0 {
            Stage::Local(staged) => staged.write(bytes).await,
            Stage::Remote(staged) => staged.write(bytes).await,
        }
    }

    /// Takes the rest of the bytes, and finishes.
    ///
    /// # Errors
    /// When they cannot be written; nothing is kept then.
    pub async fn store(mut self, bytes: &[u8]) -> Result<Stored, BlobError> {
        self.write(bytes).await?;
        self.finish().await
    }

    /// Makes the body the object that it was begun for. When this returns, it
    /// is stored durably.
    ///
    /// # Errors
    /// When it cannot be written; nothing is kept then.
    pub async fn finish(self) -> Result<Stored, BlobError> {
        match self.0 {
            Stage::Local(staged) => staged.finish().await,
            Stage::Remote(staged) => staged.finish().await,
        }
    }
}

fn none_when_missing<T>(found: Result<T, BlobError>) -> Result<Option<T>, BlobError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(BlobError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
