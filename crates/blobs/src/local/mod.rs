//! Objects on the local disk, written so that what was answered survives a crash.
//!
//! A body is written to a temporary file, synced, moved to its key ([`layout`]), and
//! the folders that the move changed are synced too ([`stage`]). A crash at any
//! moment leaves either nothing or the whole object, never a part under its
//! key; but under a key that was not published it may leave a part, as it may
//! leave an object that is never published. What can be made again is not synced
//! (`reproducible`). `list` walks what lies there.

mod folders;
mod layout;
mod list;
mod stage;
mod writes;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use runnel_types::{AssetId, OrgId};
use sha2::{Digest, Sha256};

use crate::error::BlobError;
use crate::key::Key;
use crate::object::{Meta, Object, Opened, Stored};

pub(crate) use folders::Folders;
pub(crate) use stage::LocalStaged;

/// Where bodies lie while they arrive. No key begins with a dot.
const STAGING: &str = ".staging";

/// How much of an object is read at a time when it is sent, in bytes.
const READ_CHUNK: usize = 128 * 1024;

/// The largest object that is read into memory as a whole, in bytes: many times a
/// thumbnail.
const MOST_IN_MEMORY: u64 = 8 << 20;

/// Objects in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    folders: Arc<Folders>,
    staged: Arc<AtomicU64>,
    /// What the names of this process's temporary files begin with. Not its
    /// id: in two containers on one folder both may be process 1.
    name: u64,
    is_synced: bool,
    writes: Arc<writes::Writes>,
}

impl Local {
    /// Opens the folder, which is created when it is not there.
    pub(crate) async fn open(root: PathBuf, is_synced: bool) -> Result<Self, BlobError> {
        let local = Self {
            folders: Arc::new(Folders::below(root)),
            staged: Arc::default(),
            name: RandomState::new().hash_one(std::process::id()),
            is_synced,
            writes: Arc::default(),
        };
        let opened = local.clone();
        blocking(move || opened.prepare()).await?;
        Ok(local)
    }

    /// Creates the folders and removes what dead processes left in staging.
    fn prepare(&self) -> io::Result<()> {
        let staging = self.root().join(STAGING);
        create_private(&staging)?;
        if let Some(above) = self.root().parent().filter(|_| self.is_synced) {
            match folders::sync(above) {
                // Where the server may not look it made nothing.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                synced => drop(synced?),
            }
        }
        stage::sweep(&staging).map(drop)
    }

    /// Removes the temporary files that nobody is writing; says how many.
    pub(crate) async fn sweep_temporary(&self) -> Result<usize, BlobError> {
        let staging = self.root().join(STAGING);
        blocking(move || stage::sweep(&staging)).await
    }

    /// Whether the folder can be written.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        let path = self.temporary();
        blocking(move || {
            // Held until it is removed, so that no sweep comes between.
            let _file = stage::create_locked(&path)?;
            fs_err::remove_file(&path)
        })
        .await
    }

    /// Begins to take a body.
    pub(crate) fn stage(&self, key: &Key) -> LocalStaged {
        LocalStaged::begin(
            Arc::clone(&self.folders),
            Arc::clone(&self.writes),
            self.temporary(),
            self.path(key),
            self.is_synced,
        )
    }

    /// Begins to take a body whose key nobody reads before the caller publishes it.
    pub(crate) fn stage_unpublished(&self, key: &Key) -> LocalStaged {
        self.stage(key).unpublished()
    }

    /// The path of a temporary file that nobody has yet.
    fn temporary(&self) -> PathBuf {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        self.root()
            .join(STAGING)
            .join(format!("{:016x}-{number}", self.name))
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Meta, BlobError> {
        let (local, looked) = (self.clone(), key.clone());
        let found = blocking(move || local.find(&looked, fs_err::metadata)).await;
        let found = missing(key, found)?;
        Ok(Meta {
            size_bytes: found.len(),
            etag: None,
        })
    }

    pub(crate) async fn open_object(&self, key: &Key) -> Result<Object, BlobError> {
        let file = self.open_std(key).await?;
        let size_bytes = file.metadata()?.len();
        Ok(Object(Opened::Local { file, size_bytes }))
    }

    /// Reads an object that is not large; `None` when there is none for which
    /// `is_whole` holds.
    pub(crate) async fn open_whole(
        &self,
        key: &Key,
        is_whole: impl FnOnce(&[u8]) -> bool + Send + 'static,
    ) -> Result<Option<Object>, BlobError> {
        let (local, key) = (self.clone(), key.clone());
        blocking(move || {
            let file = match local.find(&key, fs_err::File::open) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            let size = file.metadata()?.len();
            if size > MOST_IN_MEMORY {
                return Ok(None);
            }
            let mut bytes = Vec::with_capacity(size as usize);
            file.take(MOST_IN_MEMORY).read_to_end(&mut bytes)?;
            let found = is_whole(&bytes).then(|| Object(Opened::Memory(bytes.into())));
            Ok(found)
        })
        .await
    }

    pub(crate) async fn open_std(&self, key: &Key) -> Result<File, BlobError> {
        let (local, key) = (self.clone(), key.clone());
        let opened = tokio::task::spawn_blocking(move || local.open_file(&key));
        opened.await.map_err(io::Error::other)?
    }

    /// The same where the thread may block.
    pub(crate) fn open_file(&self, key: &Key) -> Result<File, BlobError> {
        let opened = self.find(key, fs_err::File::open);
        missing(key, opened.map(fs_err::File::into_file).map_err(Into::into))
    }

    pub(crate) async fn open_hashed(&self, key: &Key) -> Result<(File, Stored), BlobError> {
        let mut file = self.open_std(key).await?;
        blocking(move || {
            let mut hasher = Sha256::new();
            let size_bytes = io::copy(&mut file, &mut hasher)?;
            file.seek(SeekFrom::Start(0))?;
            let sha256 = hex::encode(hasher.finalize());
            Ok((file, Stored { size_bytes, sha256 }))
        })
        .await
    }

    pub(crate) async fn read_head(&self, key: &Key, most: usize) -> Result<Vec<u8>, BlobError> {
        let file = self.open_std(key).await?;
        blocking(move || {
            let size = file.metadata()?.len() as usize;
            let mut bytes = Vec::with_capacity(size.min(most));
            file.take(most as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }

    /// Copies by way of a temporary file, as a body that arrives.
    pub(crate) async fn copy(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        let mut file = self.open_std(from).await?;
        let mut staged = self.stage(to);
        loop {
            let read = move || {
                let mut chunk = Vec::with_capacity(READ_CHUNK);
                (&mut file)
                    .take(READ_CHUNK as u64)
                    .read_to_end(&mut chunk)?;
                Ok((file, chunk))
            };
            let (rest, chunk) = blocking(read).await?;
            file = rest;
            if chunk.is_empty() {
                return staged.finish().await.map(drop);
            }
            staged.write(&chunk).await?;
        }
    }

    /// Removes what [`Local::list`] told under `name`.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let paths = match name.parse::<Key>() {
            Ok(key) => [Some(self.path(&key)), self.earlier_path(&key)],
            Err(_) => [Some(self.named(name)?), None],
        };
        let folders = Arc::clone(&self.folders);
        blocking(move || {
            for path in paths.into_iter().flatten() {
                done_unless_missing(fs_err::remove_file(&path))?;
                folders.remove_empty_above(&path);
            }
            Ok(())
        })
        .await
    }

    /// Removes everything of an asset.
    pub(crate) async fn delete_asset(&self, org: OrgId, asset: AssetId) -> Result<(), BlobError> {
        let window = self.root().join(layout::window(org, asset));
        let names = layout::names_of(asset);
        let folders = Arc::clone(&self.folders);
        blocking(move || {
            let entries = match fs_err::read_dir(&window) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(&names) {
                    done_unless_missing(fs_err::remove_file(entry.path()))?;
                }
            }
            folders.remove_empty_above(&window.join(names));
            Ok(())
        })
        .await?;
        self.delete_folder(&Key::folder_of(org, asset)).await
    }

    pub(crate) async fn delete_folder(&self, folder: &str) -> Result<(), BlobError> {
        let path = self.named(folder)?;
        let folders = Arc::clone(&self.folders);
        blocking(move || {
            done_unless_missing(fs_err::remove_dir_all(&path))?;
            folders.remove_empty_above(&path);
            Ok(())
        })
        .await
    }

    /// Stores bytes under a name that is no key.
    #[cfg(test)]
    pub(crate) fn put_named(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        create_private(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The folders that objects lie in.
    pub(crate) const fn folders(&self) -> &Arc<Folders> {
        &self.folders
    }

    fn root(&self) -> &Path {
        self.folders.root()
    }

    /// Whether a crash may lose nothing that was answered.
    pub(crate) const fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// The path of an object that is to be written.
    pub(crate) fn path(&self, key: &Key) -> PathBuf {
        // A key has no dots, slashes or odd letters but those that `Key` writes.
        self.root().join(layout::path_of(key))
    }

    /// Where a version of before put it.
    fn earlier_path(&self, key: &Key) -> Option<PathBuf> {
        layout::earlier_path_of(key).map(|path| self.root().join(path))
    }

    /// Looks for an object wherever it may lie.
    pub(crate) fn find<T>(
        &self,
        key: &Key,
        look: impl Fn(PathBuf) -> io::Result<T>,
    ) -> io::Result<T> {
        let found = look(self.path(key));
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let earlier = self.earlier_path(key);
                earlier.map_or(Err(error), look)
            }
            found => found,
        }
    }

    /// The path of something that may not be ours, if it lies below the root.
    fn named(&self, name: &str) -> Result<PathBuf, BlobError> {
        let below = Path::new(name);
        let is_below = !name.is_empty()
            && below
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
        if is_below {
            Ok(self.root().join(below))
        } else {
            Err(io::Error::other(format!("{name:?} leads out of the storage")).into())
        }
    }
}

/// Reads `range` piece by piece, as the pieces are asked for.
pub(crate) fn read_range(
    file: File,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let start = (file, range.start, range.end);
    futures_util::stream::try_unfold(start, |(mut file, at, end)| async move {
        if at >= end {
            return Ok(None);
        }
        let wanted = READ_CHUNK.min((end - at) as usize);
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; wanted];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut chunk)?;
            Ok::<_, io::Error>((file, chunk))
        });
        let (file, chunk) = read.await.map_err(io::Error::other)??;
        Ok(Some((Bytes::from(chunk), (file, at + wanted as u64, end))))
    })
}

/// The outcome of a removal: that there is nothing is fine.
fn done_unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn missing<T>(key: &Key, found: Result<T, BlobError>) -> Result<T, BlobError> {
    match found {
        Err(BlobError::Io { source }) if source.kind() == io::ErrorKind::NotFound => {
            Err(BlobError::Missing {
                key: key.to_string(),
            })
        }
        other => other,
    }
}

/// Creates a folder, and those above it, that only the server's user may enter.
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let result = tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?;
    result.map_err(Into::into)
}

#[cfg(test)]
mod tests;
