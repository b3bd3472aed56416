//! Objects on the local disk, written so that what was answered survives a crash.
//!
//! A body is written to a temporary file, synced, moved to its key, and the
//! folders that the move changed are synced too. A crash at any moment leaves
//! either nothing or the whole object, never a part under its key.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest, Sha256};

use crate::error::BlobError;
use crate::key::Key;

/// Where bodies lie while they arrive. No key begins with a dot.
const STAGING: &str = ".staging";

/// How much of a body is gathered before it is written and hashed, in bytes:
/// enough to keep the disk busy, little enough for many uploads at once.
const BUFFER: usize = 256 * 1024;

/// How much of an object is read at a time when it is sent, in bytes.
const READ_CHUNK: usize = 128 * 1024;

/// Objects in a folder.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: Arc<PathBuf>,
    staged: Arc<AtomicU64>,
}

/// An object that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of its bytes, 64 hex characters.
    pub sha256: String,
}

impl Blobs {
    /// Opens the storage at `url`, `file:///…`, and creates its folder.
    ///
    /// # Errors
    /// [`BlobError::Unsupported`] for other kinds of storage.
    pub async fn open(url: &str) -> Result<Self, BlobError> {
        let unsupported = || BlobError::Unsupported {
            url: url.to_owned(),
        };
        let root = url::Url::parse(url)
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(unsupported)?;
        let blobs = Self {
            root: Arc::new(root),
            staged: Arc::default(),
        };
        let opened = blobs.clone();
        blocking(move || opened.prepare()).await?;
        Ok(blobs)
    }

    /// Creates the folders and removes what dead processes left in staging.
    fn prepare(&self) -> io::Result<()> {
        let staging = self.root.join(STAGING);
        create_private(&staging)?;
        for entry in fs_err::read_dir(&staging)? {
            let entry = entry?;
            let name = entry.file_name();
            let owner = name
                .to_str()
                .and_then(|name| name.split('-').next()?.parse::<u32>().ok());
            // A name without a process, or one of our own id, which an earlier
            // process must have had, belongs to nobody.
            let is_alive = owner.is_some_and(|pid| {
                pid != std::process::id() && Path::new(&format!("/proc/{pid}")).exists()
            });
            if !is_alive {
                let _ = fs_err::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Whether the storage can be written.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn check(&self) -> Result<(), BlobError> {
        let staged = self.stage().await?;
        drop(staged);
        Ok(())
    }

    /// Begins to take a body.
    ///
    /// # Errors
    /// When no file can be made.
    pub async fn stage(&self) -> Result<Staged, BlobError> {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = self
            .root
            .join(STAGING)
            .join(format!("{}-{number}", std::process::id()));
        let path = TemporaryPath(Some(path));
        let writer = blocking(move || {
            let at = path.0.as_deref().unwrap_or(Path::new(""));
            let file = fs_err::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(at)?;
            Ok(Writer {
                path,
                file: file.into_file(),
                hasher: Sha256::new(),
                size_bytes: 0,
            })
        })
        .await?;
        Ok(Staged {
            root: Arc::clone(&self.root),
            buffer: Vec::new(),
            writer: Some(writer),
        })
    }

    /// Stores `bytes` under `key`, durably.
    ///
    /// # Errors
    /// When it cannot be written; nothing is kept then.
    pub async fn put_bytes(&self, key: &Key, bytes: &[u8]) -> Result<Stored, BlobError> {
        let mut staged = self.stage().await?;
        staged.write(bytes).await?;
        staged.finish(key).await
    }

    /// Opens an object; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open_object(&self, key: &Key) -> Result<Option<Object>, BlobError> {
        match self.open_std(key).await {
            Ok(file) => {
                let size_bytes = file.metadata()?.len();
                Ok(Some(Object { file, size_bytes }))
            }
            Err(BlobError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens an object as a file, for work on a blocking thread.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn open_std(&self, key: &Key) -> Result<File, BlobError> {
        let path = self.path(key);
        let opened = blocking(move || fs_err::File::open(path).map(fs_err::File::into_file)).await;
        match opened {
            Err(BlobError::Io { source }) if source.kind() == io::ErrorKind::NotFound => {
                Err(BlobError::Missing {
                    key: key.to_string(),
                })
            }
            other => other,
        }
    }

    /// The whole of an object, in memory.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub async fn read_all(&self, key: &Key) -> Result<Vec<u8>, BlobError> {
        let mut file = self.open_std(key).await?;
        blocking(move || {
            let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }

    /// Removes an object, and the folders that it leaves empty. One that is
    /// not there is removed already.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        let path = self.path(key);
        let root = Arc::clone(&self.root);
        blocking(move || {
            match fs_err::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let folders = path
                .ancestors()
                .skip(1)
                .take_while(|folder| *folder != root.as_path());
            for folder in folders {
                // The first folder with something left in it ends this.
                if std::fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    /// The folder of everything.
    pub(crate) const fn root(&self) -> &Arc<PathBuf> {
        &self.root
    }

    fn path(&self, key: &Key) -> PathBuf {
        // A key has no dots, slashes or odd letters but those that `Key` writes.
        self.root.join(key.to_string())
    }
}

/// An object that is open for reading.
#[derive(Debug)]
pub struct Object {
    file: File,
    size_bytes: u64,
}

impl Object {
    /// Its size.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Its bytes within `range`, read as they are asked for.
    pub fn into_stream(self, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let start = (self.file, range.start, range.end.min(self.size_bytes));
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
}

/// A body that is arriving. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct Staged {
    root: Arc<PathBuf>,
    buffer: Vec<u8>,
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Writer {
    path: TemporaryPath,
    file: File,
    hasher: Sha256,
    size_bytes: u64,
}

/// A file that is removed unless it was moved to its place.
#[derive(Debug)]
struct TemporaryPath(Option<PathBuf>);

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
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
        for part in bytes.chunks(BUFFER) {
            if self.buffer.len() + part.len() > BUFFER {
                self.flush().await?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// Writes and hashes what was gathered, both on one blocking thread.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let mut writer = self.writer.take().ok_or_else(|| {
            io::Error::other("the body was lost when an earlier write was cancelled")
        })?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (writer, buffer) = blocking(move || {
            writer.write(&buffer)?;
            buffer.clear();
            Ok((writer, buffer))
        })
        .await?;
        self.writer = Some(writer);
        self.buffer = buffer;
        Ok(())
    }

    /// Makes the body the object `key`. When this returns, it is on the disk.
    ///
    /// # Errors
    /// When it cannot be written; nothing is kept then.
    pub async fn finish(mut self, key: &Key) -> Result<Stored, BlobError> {
        self.flush().await?;
        let mut writer = self
            .writer
            .take()
            .ok_or_else(|| io::Error::other("the body was lost"))?;
        let root = self.root;
        let path = root.join(key.to_string());
        blocking(move || {
            writer.file.sync_all()?;
            let folder = path.parent().unwrap_or(&root);
            let created = create_folders(&root, folder)?;
            let staged = writer.path.0.as_deref().unwrap_or(Path::new(""));
            fs_err::rename(staged, &path)?;
            drop(writer.path.0.take());
            // ORDER: the entry of the file, then of each new folder above it;
            // without these a crash may forget the name of synced bytes.
            for folder in created {
                fs_err::File::open(folder)?.sync_all()?;
            }
            Ok(Stored {
                size_bytes: writer.size_bytes,
                sha256: hex::encode(writer.hasher.finalize()),
            })
        })
        .await
    }
}

/// Creates `folder` below `root`; answers with every folder whose entries changed.
pub(crate) fn create_folders(root: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut changed = vec![folder.to_owned()];
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| *path != root && !path.exists())
        .collect();
    changed.extend(
        missing
            .iter()
            .filter_map(|path| path.parent())
            .map(Path::to_owned),
    );
    if !missing.is_empty() {
        create_private(folder)?;
    }
    Ok(changed)
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
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use uuid::Uuid;

    async fn storage() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
        let blobs = Blobs::open(url.as_str()).await.unwrap();
        (folder, blobs)
    }

    fn key(name: &str) -> Key {
        let id = Uuid::from_u128(3);
        Key::asset(id.into(), id.into(), id, name)
    }

    fn files(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .map(|path| if path.is_dir() { files(&path) } else { 1 })
            .sum()
    }

    #[tokio::test]
    async fn what_was_stored_is_read_back_whole_and_in_part() {
        let (_folder, blobs) = storage().await;
        let bytes: Vec<u8> = (0..700_000_u32).map(|number| number as u8).collect();
        let mut staged = blobs.stage().await.unwrap();
        for part in bytes.chunks(100_001) {
            staged.write(part).await.unwrap();
        }
        let stored = staged.finish(&key("a.bin")).await.unwrap();
        assert_eq!(stored.size_bytes, 700_000);
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(&bytes)));
        assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), bytes);
        let object = blobs.open_object(&key("a.bin")).await.unwrap().unwrap();
        let part: Vec<Bytes> = object
            .into_stream(100..400_000)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(part.concat(), bytes[100..400_000]);
    }

    #[tokio::test]
    async fn a_dropped_body_leaves_nothing() {
        let (folder, blobs) = storage().await;
        let mut staged = blobs.stage().await.unwrap();
        staged.write(&vec![1; 600_000]).await.unwrap();
        assert_eq!(files(folder.path()), 1);
        drop(staged);
        assert_eq!(files(folder.path()), 0);
    }

    #[tokio::test]
    async fn deleting_twice_is_fine_and_leaves_no_folders() {
        let (folder, blobs) = storage().await;
        blobs.put_bytes(&key("a.png"), b"hi").await.unwrap();
        blobs.delete(&key("a.png")).await.unwrap();
        blobs.delete(&key("a.png")).await.unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path().join("objects"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [STAGING]);
        assert!(matches!(
            blobs.read_all(&key("a.png")).await,
            Err(BlobError::Missing { .. })
        ));
        assert!(blobs.open_object(&key("a.png")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_a_dead_process_left_is_removed_at_the_next_start() {
        let (folder, blobs) = storage().await;
        let staging = folder.path().join("objects").join(STAGING);
        std::fs::write(staging.join("4294967294-0"), b"left over").unwrap();
        std::fs::write(staging.join("1-0"), b"of a process that lives").unwrap();
        let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
        Blobs::open(url.as_str()).await.unwrap();
        assert_eq!(files(&staging), 1);
        drop(blobs);
    }

    #[tokio::test]
    async fn other_kinds_of_storage_are_refused_by_name() {
        for url in ["s3://bucket", "nonsense", "file://host/x"] {
            let error = Blobs::open(url).await.unwrap_err();
            assert!(
                error.to_string().contains(url) && error.to_string().contains("file:///"),
                "{error}"
            );
        }
    }
}
