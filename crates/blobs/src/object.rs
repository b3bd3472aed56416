//! What is known of an object, and an object that is open for reading.

use std::fs::File;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use runnel_types::Timestamp;

use crate::error::BlobError;
use crate::key::Key;
use crate::local::{self, Local};
use crate::remote::RemoteObject;

/// An object that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of its bytes, 64 hex characters.
    pub sha256: String,
}

/// What a storage says of an object without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its size.
    pub size_bytes: u64,
    /// What changes with its bytes, where the storage tells.
    pub etag: Option<String>,
}

/// Something that lies in the storage, whether or not it is one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key's text where it is one of ours, its name below the storage's root
    /// otherwise.
    pub name: String,
    /// The key that this name is; `None` for what the server did not put there.
    pub key: Option<Key>,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last written, by the storage's clock.
    pub modified: Timestamp,
}

impl Listed {
    pub(crate) fn new(name: String, size_bytes: u64, modified_micros: i64) -> Self {
        Self {
            key: name.parse().ok(),
            name,
            size_bytes,
            modified: Timestamp::from_micros(modified_micros),
        }
    }
}

/// How an object is to arrive at whoever fetches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download<'a> {
    /// Its `Content-Type`.
    pub mime_type: &'a str,
    /// Its `Content-Disposition`.
    pub disposition: &'a str,
}

/// An object whose bytes are on this machine, to be opened by whoever reads them.
#[derive(Debug)]
pub struct AtHand(pub(crate) Hand);

#[derive(Debug)]
pub(crate) enum Hand {
    Local { local: Local, key: Key },
    Opened(File),
}

impl AtHand {
    /// Opens it as a file, at its beginning; for a thread that may block.
    ///
    /// # Errors
    /// [`BlobError::Missing`] when there is none.
    pub fn open(self) -> Result<File, BlobError> {
        match self.0 {
            Hand::Local { local, key } => local.open_file(&key),
            Hand::Opened(file) => Ok(file),
        }
    }
}

impl From<File> for AtHand {
    fn from(file: File) -> Self {
        Self(Hand::Opened(file))
    }
}

/// An object that is open for reading.
#[derive(Debug)]
pub struct Object(pub(crate) Opened);

#[derive(Debug)]
pub(crate) enum Opened {
    Local {
        file: File,
        size_bytes: u64,
    },
    /// What was read whole to be looked at.
    Memory(Bytes),
    Remote(RemoteObject),
}

impl Object {
    /// Its size.
    pub const fn size_bytes(&self) -> u64 {
        match &self.0 {
            Opened::Local { size_bytes, .. } => *size_bytes,
            Opened::Memory(bytes) => bytes.len() as u64,
            Opened::Remote(object) => object.size_bytes(),
        }
    }

    /// Its bytes within `range`, read as they are asked for.
    pub fn into_stream(self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let range = range.start..range.end.min(self.size_bytes());
        match self.0 {
            _ if range.is_empty() => futures_util::stream::empty().boxed(),
            Opened::Local { file, .. } => local::read_range(file, range).boxed(),
            Opened::Memory(bytes) => {
                let piece = bytes.slice(range.start as usize..range.end as usize);
                futures_util::stream::iter([Ok(piece)]).boxed()
            }
            Opened::Remote(object) => object.into_stream(range),
        }
    }
}
