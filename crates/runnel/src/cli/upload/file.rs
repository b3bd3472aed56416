//! A file on this machine that is to be sent.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use runnel_media::{HEAD_BYTES, sniff, types};

use crate::Failure;

/// An open file.
#[derive(Debug)]
pub(super) struct File {
    inner: fs_err::File,
    pub(super) name: String,
    pub(super) mime_type: &'static str,
    pub(super) length: u64,
}

impl File {
    /// Opens a file, and tells its type from its bytes, as the server will.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(error.to_string());
        let mut inner = fs_err::File::open(path).map_err(failed)?;
        let metadata = inner.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Failure::new(format!("{} is no file", path.display())));
        }
        let mut head = Vec::new();
        let most = HEAD_BYTES as u64;
        (&mut inner)
            .take(most)
            .read_to_end(&mut head)
            .map_err(failed)?;
        let Some(found) = sniff(&head).media_type else {
            let known: Vec<&str> = types().map(|info| info.media_type.name()).collect();
            let hint = format!("what can be uploaded: {}", known.join(", "));
            let message = format!("{}: its type is not known", path.display());
            return Err(Failure::new(message).hint(hint));
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            inner,
            name: name.to_string_lossy().into_owned(),
            mime_type: found.as_mime(),
            length: metadata.len(),
        })
    }

    /// Reads so many bytes from `start`, which must be there.
    pub(super) fn read_at(&mut self, start: u64, length: u64) -> Result<Bytes, Failure> {
        let mut bytes = Vec::new();
        let read = self.inner.seek(SeekFrom::Start(start)).and_then(|_| {
            let room = usize::try_from(length).map_err(std::io::Error::other)?;
            bytes.reserve_exact(room);
            (&mut self.inner).take(length).read_to_end(&mut bytes)
        });
        let read = read.map_err(|error| Failure::new(error.to_string()))?;
        if read as u64 != length {
            return Err(Failure::new("it became shorter while it was sent"));
        }
        Ok(bytes.into())
    }
}
