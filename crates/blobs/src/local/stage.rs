//! A body on its way to the disk: a temporary file until it is whole and synced,
//! or, where its key is not published yet and it has come whole before a byte of it
//! is written, a file in its place.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocking;
use super::folders::Folders;
use super::writes::Writes;
use crate::error::BlobError;
use crate::object::Stored;
use crate::sha256::Sha256;

/// How much of a body is gathered before it is written and hashed, in bytes:
/// enough to keep the disk busy, little enough for many uploads at once.
const BUFFER: usize = 256 * 1024;

/// A body that is arriving. Dropped before it is finished, it leaves nothing.
///
/// The file is made when the first bytes are written to it: a body that fits
/// the buffer is dealt with in one go on one thread.
#[derive(Debug)]
pub(crate) struct LocalStaged {
    folders: Arc<Folders>,
    writes: Arc<Writes>,
    target: PathBuf,
    /// Whether nobody reads the target before the caller publishes its key.
    is_unpublished: bool,
    is_synced: bool,
    buffer: Vec<u8>,
    /// Absent while it is written to, and lost when that is cancelled.
    place: Option<Place>,
}

/// Where a body goes.
#[derive(Debug)]
pub(super) enum Place {
    /// Where the file will be.
    Intended(PathBuf),
    Opened(Writer),
}

impl Place {
    /// Makes the file where there is none yet.
    pub(super) fn open(self) -> io::Result<Writer> {
        match self {
            Self::Opened(writer) => Ok(writer),
            // ORDER: a file that another has made is not to be removed.
            Self::Intended(temporary) => {
                let file = create_locked(&temporary)?;
                Ok(Writer::new(file, temporary, None))
            }
        }
    }

    /// Makes the file where there is none yet: as `target` itself, unless there
    /// is one of that name.
    pub(super) fn open_in_place(self, folders: &Folders, target: &Path) -> io::Result<Writer> {
        let Self::Intended(_) = self else {
            return self.open();
        };
        match folders.put_at(target, |target| fs_err::File::create_new(target)) {
            Ok(file) => {
                let inode = file.metadata()?.ino();
                let path = target.to_owned();
                Ok(Writer::new(file.into_file(), path, Some(inode)))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open(),
            Err(error) => Err(error),
        }
    }
}

/// A file that is being written, and the hash of what was.
#[derive(Debug)]
pub(super) struct Writer {
    path: UnfinishedPath,
    file: File,
    /// Of what was written; whoever appends bytes hashes them first.
    pub(super) hash: Sha256,
}

/// A file that is removed unless it came to its place.
#[derive(Debug)]
struct UnfinishedPath {
    /// None once it is finished.
    path: Option<PathBuf>,
    /// The inode, where another file may take the name.
    inode: Option<u64>,
}

impl UnfinishedPath {
    /// Moves the file to its place, if it is not there.
    fn move_to(&mut self, target: &Path) -> io::Result<()> {
        if let Some(path) = self.path.as_deref().filter(|path| *path != target) {
            fs_err::rename(path, target)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for UnfinishedPath {
    fn drop(&mut self) {
        let Some(path) = &self.path else {
            return;
        };
        let found = || std::fs::metadata(path).map(|file| file.ino()).ok();
        if self.inode.is_none_or(|inode| found() == Some(inode)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Writer {
    fn new(file: File, path: PathBuf, inode: Option<u64>) -> Self {
        Self {
            file,
            path: UnfinishedPath {
                path: Some(path),
                inode,
            },
            hash: Sha256::new(),
        }
    }

    /// Writes bytes that were hashed.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }
}

impl LocalStaged {
    /// Gets ready for a file at `temporary`, to be moved to `target` in one of `folders`.
    pub(super) fn begin(
        folders: Arc<Folders>,
        writes: Arc<Writes>,
        temporary: PathBuf,
        target: PathBuf,
        is_synced: bool,
    ) -> Self {
        Self {
            folders,
            writes,
            target,
            is_unpublished: false,
            is_synced,
            buffer: Vec::new(),
            place: Some(Place::Intended(temporary)),
        }
    }

    /// Says that nobody reads the target before the caller publishes its key.
    pub(super) fn unpublished(self) -> Self {
        Self {
            is_unpublished: true,
            ..self
        }
    }

    /// Says that a loss of power may take it, even when it is finished.
    pub(crate) fn unsynced(self) -> Self {
        Self {
            is_synced: false,
            ..self
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        for part in bytes.chunks(BUFFER) {
            if self.buffer.len() + part.len() > BUFFER {
                self.flush().await?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// Hashes and writes what was gathered.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let place = self.take_place()?;
        let buffer = std::mem::take(&mut self.buffer);
        let (writer, buffer) = self.writes.write(place, buffer).await?;
        self.place = Some(Place::Opened(writer));
        self.buffer = buffer;
        Ok(())
    }

    fn take_place(&mut self) -> io::Result<Place> {
        let lost = || io::Error::other("the body was lost when an earlier write was cancelled");
        self.place.take().ok_or_else(lost)
    }

    pub(crate) async fn finish(mut self) -> Result<Stored, BlobError> {
        let place = self.take_place()?;
        let (folders, path, is_synced) = (self.folders, self.target, self.is_synced);
        let (buffer, is_unpublished) = (self.buffer, self.is_unpublished);
        blocking(move || {
            let mut writer = if is_unpublished {
                place.open_in_place(&folders, &path)?
            } else {
                place.open()?
            };
            writer.hash.update(&buffer);
            writer.append(&buffer)?;
            if is_synced {
                writer.file.sync_all()?;
            }
            folders.put_at(&path, |path| writer.path.move_to(path))?;
            // ORDER: last; without it a crash may forget the name of synced bytes.
            if is_synced {
                folders.sync_name(&path)?;
            }
            Ok(Stored {
                size_bytes: writer.hash.length(),
                sha256: writer.hash.finish(),
            })
        })
        .await
    }
}

/// Creates a file that nobody sweeps as long as it is open: the kernel takes a
/// lock back when its holder dies, in whatever container or under whatever
/// number it lived.
pub(super) fn create_locked(path: &Path) -> io::Result<File> {
    loop {
        let file = fs_err::File::create_new(path)?.into_file();
        file.lock()?;
        // A sweep may have come between the two; it removes what it locked.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes the files of `staging` that nobody is writing; says how many.
pub(super) fn sweep(staging: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs_err::read_dir(staging)? {
        let path = entry?.path();
        // One that is gone by now was moved to its place.
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_err() {
            continue;
        }
        match fs_err::remove_file(&path) {
            Ok(()) => swept += 1,
            // It was moved to its place between the two.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}
