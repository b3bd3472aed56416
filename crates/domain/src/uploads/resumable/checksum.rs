//! Checksums that come with the bytes of an append.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::Digest as _;
use sha2::Digest as _;

/// The checksum that a client sent, and that of what has arrived so far.
#[derive(Debug, Clone)]
pub struct Checksum {
    expected: Vec<u8>,
    found: Found,
}

#[derive(Debug, Clone)]
enum Found {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

/// A text that is no checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the checksum {0:?} cannot be read; it is `sha1` or `sha256`, a space and the digest in base64"
)]
pub struct BadChecksum(String);

impl std::str::FromStr for Checksum {
    type Err = BadChecksum;

    fn from_str(text: &str) -> Result<Self, BadChecksum> {
        let bad = || BadChecksum(text.chars().take(100).collect());
        let (algorithm, digest) = text.trim().split_once(' ').ok_or_else(bad)?;
        let expected = BASE64_STANDARD.decode(digest.trim()).map_err(|_| bad())?;
        let (found, length) = match algorithm {
            "sha1" => (Found::Sha1(sha1::Sha1::new()), 20),
            "sha256" => (Found::Sha256(sha2::Sha256::new()), 32),
            _ => return Err(bad()),
        };
        if expected.len() != length {
            return Err(bad());
        }
        Ok(Self { expected, found })
    }
}

impl Checksum {
    /// The algorithms, as the protocol lists them.
    pub const ALGORITHMS: &'static str = "sha1,sha256";

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.found {
            Found::Sha1(hash) => hash.update(bytes),
            Found::Sha256(hash) => hash.update(bytes),
        }
    }

    /// Whether the bytes are those that were sent.
    pub(super) fn fits(self) -> bool {
        match self.found {
            Found::Sha1(hash) => hash.finalize().as_slice() == self.expected,
            Found::Sha256(hash) => hash.finalize().as_slice() == self.expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_tell_right_from_wrong() {
        for text in [
            "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
            "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ] {
            for (bytes, fits) in [("hello", true), ("hellO", false)] {
                let mut checksum: Checksum = text.parse().unwrap();
                let (first, second) = bytes.split_at(2);
                checksum.update(first.as_bytes());
                checksum.update(second.as_bytes());
                assert_eq!(checksum.fits(), fits, "{text} {bytes}");
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "sha1",
            "sha1 ",
            "sha1 !",
            "sha1 AAAA",
            "md5 kAFQmDzST7DWlj99KOF/cg==",
            "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        ] {
            assert!(text.parse::<Checksum>().is_err(), "{text:?}");
        }
    }
}
