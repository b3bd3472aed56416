//! A body that grows in one file of the local disk.
//!
//! The file is locked as long as somebody appends to it. The kernel takes the
//! lock back when its holder dies, so nothing has to be waited out. What was
//! synced is told as a [`Progress`]; what follows after it in the file belongs
//! to nobody and is cut off by the next appender, at its first write.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::progress::Progress;
use crate::error::BlobError;
use crate::key::Key;
use crate::local::{Local, blocking};
use crate::object::Stored;

/// How much is gathered before it is written and hashed, in bytes.
const BUFFER: usize = 256 * 1024;

/// An appender to a file.
#[derive(Debug)]
pub(super) struct FileAppender {
    /// What was synced last.
    synced: Progress,
    buffer: Vec<u8>,
    open: Option<Box<Open>>,
}

/// Where the file is and where it goes.
#[derive(Debug)]
struct Place {
    local: Local,
    piece: PathBuf,
    target: Key,
}

/// The file and what goes with it, handed to a blocking thread and back.
#[derive(Debug)]
struct Open {
    place: Place,
    /// Locked; `None` when the body was moved to its place already.
    file: Option<File>,
    is_cut: bool,
    /// Whether its name is on the disk.
    is_named: bool,
    /// What was written, synced or not.
    written: Progress,
}

impl FileAppender {
    pub(super) async fn open(local: &Local, progress: &Progress) -> Result<Self, BlobError> {
        let place = Place {
            piece: local.path(progress.file()?),
            target: progress.target().clone(),
            local: local.clone(),
        };
        let written = progress.clone();
        let opened = blocking(move || lock(place, written)).await?;
        let open = match opened {
            Locked::Open(open) => open,
            Locked::Busy => return Err(BlobError::Busy),
            Locked::Missing => {
                return Err(BlobError::Missing {
                    key: progress.target().to_string(),
                });
            }
        };
        Ok(Self {
            synced: progress.clone(),
            buffer: Vec::new(),
            open: Some(open),
        })
    }

    /// How much a crash would cost now, what is gathered in memory not counted.
    pub(super) fn unsafe_bytes(&self) -> u64 {
        let written = self.open.as_ref().map(|open| open.written.size_bytes());
        written.map_or(0, |written| written - self.synced.size_bytes())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
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
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = self
            .with_file(move |open| {
                open.write(&buffer)?;
                let mut buffer = buffer;
                buffer.clear();
                Ok(buffer)
            })
            .await?;
        Ok(())
    }

    pub(super) async fn sync(&mut self) -> Result<Progress, BlobError> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        if self.unsafe_bytes() > 0 {
            self.synced = self
                .with_file(|open| {
                    open.sync()?;
                    Ok(open.written.clone())
                })
                .await?;
        }
        Ok(self.synced.clone())
    }

    pub(super) async fn finish(mut self) -> Result<Stored, BlobError> {
        self.sync().await?;
        self.with_file(|open| {
            open.move_to_place()?;
            Ok(Stored {
                size_bytes: open.written.size_bytes(),
                sha256: open.written.sha256(),
            })
        })
        .await
    }

    async fn with_file<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Open) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let mut open = self.open.take().ok_or_else(|| {
            io::Error::other("the file was lost when an earlier call was cancelled or failed")
        })?;
        let (open, done) = blocking(move || {
            let done = work(&mut open)?;
            Ok((open, done))
        })
        .await?;
        self.open = Some(open);
        Ok(done)
    }
}

/// What came of the wish to append.
enum Locked {
    Open(Box<Open>),
    Busy,
    Missing,
}

fn lock(place: Place, written: Progress) -> io::Result<Locked> {
    let is_new = written.size_bytes() == 0;
    loop {
        let mut options = fs_err::OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(is_new)
            .truncate(false);
        let opened = if is_new {
            let folders = place.local.folders();
            folders.put_at(&place.piece, |piece| options.open(piece))
        } else {
            options.open(&place.piece)
        };
        let file = match opened {
            Ok(file) => file.into_file(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_new => {
                let found = place.local.find(&place.target, std::fs::metadata);
                if !found.is_ok_and(|found| found.len() == written.size_bytes()) {
                    return Ok(Locked::Missing);
                }
                return Ok(Locked::Open(Open::boxed(place, None, written)));
            }
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Locked::Busy),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Between opening and locking, an earlier appender may have moved the
        // file to its place, or a sweep removed it.
        if !is_same(&place.piece, &file)? {
            continue;
        }
        if file.metadata()?.len() < written.size_bytes() {
            return Ok(Locked::Missing);
        }
        return Ok(Locked::Open(Open::boxed(place, Some(file), written)));
    }
}

/// Whether `path` still leads to `file`.
fn is_same(path: &Path, file: &File) -> io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok(named.ino() == held.ino() && named.dev() == held.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Open {
    fn boxed(place: Place, file: Option<File>, written: Progress) -> Box<Self> {
        Box::new(Self {
            place,
            file,
            is_cut: false,
            // It was told as stored when its name was there.
            is_named: written.size_bytes() > 0,
            written,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self
            .file
            .as_mut()
            .ok_or_else(|| io::Error::other("the body is complete and was moved to its place"))?;
        if !self.is_cut {
            // What lies beyond was never told as stored.
            file.set_len(self.written.size_bytes())?;
            file.seek(SeekFrom::Start(self.written.size_bytes()))?;
            self.is_cut = true;
        }
        file.write_all(bytes)?;
        self.written.take(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.place.local.is_synced()) else {
            return Ok(());
        };
        file.sync_data()?;
        if !self.is_named {
            self.place.local.folders().sync_name(&self.place.piece)?;
            self.is_named = true;
        }
        Ok(())
    }

    /// Moves the body to its place, unless that was done before a crash.
    fn move_to_place(&mut self) -> io::Result<()> {
        let Place {
            local,
            piece,
            target,
        } = &self.place;
        let folders = local.folders();
        if let Some(file) = &self.file {
            // A crash may have left bytes behind the last ones that count.
            file.set_len(self.written.size_bytes())?;
            if local.is_synced() {
                file.sync_all()?;
            }
            folders.put_at(&local.path(target), |target| fs_err::rename(piece, target))?;
        }
        if local.is_synced() {
            // ORDER: last; without it a crash may forget the name of synced bytes.
            let found = local.find(target, |path| std::fs::metadata(&path).map(|_| path))?;
            folders.sync_name(&found)?;
        }
        folders.remove_empty_above(piece);
        Ok(())
    }
}
