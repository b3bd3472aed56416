//! How far a body has come, as data that outlives the process.

use std::io;

use serde::{Deserialize, Serialize};

use crate::error::BlobError;
use crate::key::Key;
use crate::remote::Parts;
use crate::sha256::Sha256;

/// How much of a body is safely stored, and where. The caller keeps it as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Progress {
    /// The object that it will be.
    #[serde(with = "text")]
    target: Key,
    place: Place,
    /// The hash of what is stored, and so its length.
    hash: Sha256,
}

/// Where a body grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In one file of its own.
    #[serde(with = "text")]
    File(Key),
    /// In a bucket.
    Parts(Parts),
}

/// A progress as it was read, which may be anything.
#[derive(Deserialize)]
struct Written {
    #[serde(with = "text")]
    target: Key,
    place: Place,
    hash: Sha256,
}

impl TryFrom<Written> for Progress {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if !written.hash.is_after(written.hash.length()) {
            return Err("its hash cannot be that of so many bytes");
        }
        Ok(Self {
            target: written.target,
            place: written.place,
            hash: written.hash,
        })
    }
}

impl Progress {
    /// Nothing yet.
    pub(super) const fn new(target: Key, place: Place) -> Self {
        Self {
            target,
            place,
            hash: Sha256::new(),
        }
    }

    /// The bytes that are safely stored.
    pub const fn size_bytes(&self) -> u64 {
        self.hash.length()
    }

    /// The object that the body will be.
    pub const fn target(&self) -> &Key {
        &self.target
    }

    /// Whether the body goes on from this object, or will be it.
    pub fn names(&self, key: &Key) -> bool {
        *key == self.target
            || match &self.place {
                Place::File(piece) => key == piece,
                Place::Parts(parts) => parts.tails().any(|tail| *key == self.target.piece(tail)),
            }
    }

    /// What still lies beside the object once the body is whole. It is needed to
    /// make the body whole once more after a crash, so it may go when that has been
    /// noted.
    pub fn leftovers(&self) -> Vec<Key> {
        match &self.place {
            Place::File(_) => Vec::new(),
            Place::Parts(parts) => {
                let tails = parts.tails();
                tails.map(|tail| self.target.piece(tail)).collect()
            }
        }
    }

    /// The text to keep.
    pub fn to_text(&self) -> String {
        // INVARIANT: keys are text and a hash is numbers; all of it is JSON.
        serde_json::to_string(self).expect("a progress is JSON")
    }

    /// Reads a text back.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Takes note of the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// SHA-256 of the bytes, 64 hex characters.
    pub(crate) fn sha256(&self) -> String {
        self.hash.clone().finish()
    }

    /// The file, of a body that grows in one.
    pub(crate) fn file(&self) -> Result<&Key, BlobError> {
        match &self.place {
            Place::File(piece) => Ok(piece),
            Place::Parts(_) => Err(elsewhere("a bucket")),
        }
    }

    /// The parts, of a body that grows in a bucket.
    pub(crate) fn parts_mut(&mut self) -> Result<&mut Parts, BlobError> {
        match &mut self.place {
            Place::Parts(parts) => Ok(parts),
            Place::File(_) => Err(elsewhere("a folder")),
        }
    }
}

/// The storage was changed while a body was arriving.
pub(super) fn elsewhere(place: &str) -> BlobError {
    io::Error::other(format!(
        "the body began in {place}, and the storage is another one now; begin it again"
    ))
    .into()
}

/// Keys as their text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::key::Key;

    pub(super) fn serialize<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
