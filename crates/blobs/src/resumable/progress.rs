//! How far a body has come, as data that outlives the process.

use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::sha256::Sha256;

/// How much of a body is safely stored, and where. Kept by the caller as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Progress {
    /// The object that it will be.
    #[serde(with = "text")]
    pub(super) target: Key,
    /// Where it grows.
    #[serde(with = "text")]
    pub(super) piece: Key,
    /// The hash of what is stored, and so its length.
    pub(super) hash: Sha256,
}

/// A progress as it was read, which may be anything.
#[derive(Deserialize)]
struct Written {
    #[serde(with = "text")]
    target: Key,
    #[serde(with = "text")]
    piece: Key,
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
            piece: written.piece,
            hash: written.hash,
        })
    }
}

impl Progress {
    /// Nothing yet, of a body that grows in one file.
    pub(super) const fn in_file(target: Key, piece: Key) -> Self {
        Self {
            target,
            piece,
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

    pub(super) const fn piece(&self) -> &Key {
        &self.piece
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
