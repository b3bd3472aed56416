//! Encrypts what must be read again but not lie open in the database: the secrets
//! that sign callbacks, and answers that may show one.
//!
//! AES-256-GCM under a key that the operator keeps outside the database. What the
//! text belongs to is authenticated with it, so that a sealed text which is moved
//! to another row does not open.
//!
//! Secrets are few and share that key. Answers are many, and random nonces are good
//! for 2^32 texts under one key (NIST SP 800-38D, 8.3), which a busy server reaches
//! within a year: each is sealed under a key of its own, derived from that one and
//! from its place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk};
use runnel_types::IdSource;
use sha2::{Digest, Sha256};

/// What a text begins with that is sealed under the shared key, in hex; a later
/// form gets another word.
const SHARED: &str = "v1:";

/// The same under a key of its own, in base64, since such texts may be long.
const APART: &str = "v2:";

/// Seals and opens texts.
pub struct Sealer {
    key: LessSafeKey,
    derive: Prk,
    fingerprint: String,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// A text that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what is sealed in the database cannot be opened: it was sealed with another key than this server's, or changed"
)]
pub(crate) struct CannotOpen;

impl Sealer {
    /// Makes a sealer; every process of an installation has the same key.
    pub fn new(key: &[u8; 32]) -> Self {
        // INVARIANT: the key has the length that the algorithm asks for.
        let unbound = UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes");
        let mut hasher = Sha256::new();
        hasher.update(b"runnel secret key fingerprint v1");
        hasher.update(key);
        let fingerprint = hex::encode(&hasher.finalize()[..8]);
        Self {
            key: LessSafeKey::new(unbound),
            derive: Prk::new_less_safe(HKDF_SHA256, key),
            fingerprint,
        }
    }

    /// By what two processes know that they have the same key; tells nothing of
    /// the key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Encrypts `plain` for `owner`.
    pub(crate) fn seal(&self, ids: &IdSource, owner: &str, plain: &str) -> String {
        let bytes = seal_under(&self.key, ids, owner, plain);
        format!("{SHARED}{}", hex::encode(bytes))
    }

    /// Decrypts what was sealed for `owner`.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<String, CannotOpen> {
        let hex = sealed.strip_prefix(SHARED).ok_or(CannotOpen)?;
        let bytes = hex::decode(hex).map_err(|_| CannotOpen)?;
        open_under(&self.key, owner, bytes)
    }

    /// Encrypts one of many texts for `place`, under a key that no other place has.
    pub(crate) fn seal_apart(&self, ids: &IdSource, place: &str, plain: &str) -> String {
        let bytes = seal_under(&self.key_of(place), ids, place, plain);
        format!("{APART}{}", STANDARD.encode(bytes))
    }

    /// Decrypts what was sealed apart for `place`.
    pub(crate) fn open_apart(&self, place: &str, sealed: &str) -> Result<String, CannotOpen> {
        let base64 = sealed.strip_prefix(APART).ok_or(CannotOpen)?;
        let bytes = STANDARD.decode(base64).map_err(|_| CannotOpen)?;
        open_under(&self.key_of(place), place, bytes)
    }

    fn key_of(&self, place: &str) -> LessSafeKey {
        let info = [b"runnel sealed apart ".as_slice(), place.as_bytes()];
        let okm = self.derive.expand(&info, &AES_256_GCM);
        // INVARIANT: it fails only for keys of more than 255 hashes.
        LessSafeKey::new(UnboundKey::from(okm.expect("a key is short")))
    }
}

/// Whether a text is sealed apart, by what it begins with.
pub(crate) fn is_sealed_apart(text: &str) -> bool {
    text.starts_with(APART)
}

/// The nonce, the encrypted text and the tag.
fn seal_under(key: &LessSafeKey, ids: &IdSource, owner: &str, plain: &str) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_LEN];
    ids.fill(&mut nonce);
    let mut bytes = [&nonce, plain.as_bytes()].concat();
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(owner),
            &mut bytes[NONCE_LEN..],
        )
        // INVARIANT: it fails only for texts of 64 GiB, and memory has less.
        .expect("the text is short enough");
    bytes.extend_from_slice(tag.as_ref());
    bytes
}

fn open_under(key: &LessSafeKey, owner: &str, mut bytes: Vec<u8>) -> Result<String, CannotOpen> {
    let (nonce, _) = bytes.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
    let opened = key.open_within(nonce, Aad::from(owner), &mut bytes, NONCE_LEN..);
    let length = opened.map_err(|_| CannotOpen)?.len();
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|_| CannotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runnel_types::{ManualClock, SeededEntropy, Timestamp};
    use std::sync::Arc;

    fn ids() -> IdSource {
        let clock = ManualClock::at(Timestamp::from_micros(1_790_000_000_000_000));
        IdSource::new(Arc::new(clock), Arc::new(SeededEntropy::new(1)))
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_and_key_alone() {
        let ids = ids();
        let sealer = Sealer::new(&[1; 32]);
        let sealed = sealer.seal(&ids, "a", "whsec_x");
        assert!(!sealed.contains("whsec"));
        assert_eq!(sealer.open("a", &sealed).as_deref(), Ok("whsec_x"));
        assert_eq!(sealer.open("b", &sealed), Err(CannotOpen));
        assert_eq!(Sealer::new(&[2; 32]).open("a", &sealed), Err(CannotOpen));
        // The same text twice is not the same sealed text.
        assert_ne!(sealer.seal(&ids, "a", "whsec_x"), sealed);
        for end in 0..sealed.len() {
            assert_eq!(sealer.open("a", &sealed[..end]), Err(CannotOpen));
        }
    }

    #[test]
    fn what_is_sealed_apart_opens_in_its_place_alone() {
        let ids = ids();
        let sealer = Sealer::new(&[1; 32]);
        for plain in ["{\"plain_secret\":\"whsec_x\"}", "", "é\0"] {
            let sealed = sealer.seal_apart(&ids, "a", plain);
            assert!(is_sealed_apart(&sealed) && !is_sealed_apart(plain));
            assert!(!sealed.contains("whsec"));
            assert_eq!(sealer.open_apart("a", &sealed).as_deref(), Ok(plain));
            assert_eq!(sealer.open_apart("b", &sealed), Err(CannotOpen));
            assert_eq!(
                Sealer::new(&[2; 32]).open_apart("a", &sealed),
                Err(CannotOpen)
            );
            assert_ne!(sealer.seal_apart(&ids, "a", plain), sealed);
            for end in 0..sealed.len() {
                assert_eq!(sealer.open_apart("a", &sealed[..end]), Err(CannotOpen));
            }
        }
    }

    #[test]
    fn the_two_forms_have_different_keys() {
        let ids = ids();
        let sealer = Sealer::new(&[1; 32]);
        let shared = sealer.seal(&ids, "a", "x");
        let bytes = hex::decode(shared.trim_start_matches(SHARED)).unwrap();
        let disguised = format!("{APART}{}", STANDARD.encode(bytes));
        assert_eq!(sealer.open_apart("a", &disguised), Err(CannotOpen));
    }

    #[test]
    fn what_an_earlier_build_sealed_opens() {
        let sealed = "v1:000102030405060708090a0bcccee64343a17eb414682b1a5ba068ba452bf665b583a0";
        assert_eq!(
            Sealer::new(&[1; 32]).open("a", sealed).as_deref(),
            Ok("whsec_x")
        );
    }

    #[test]
    fn a_fingerprint_tells_keys_apart() {
        assert_eq!(
            Sealer::new(&[1; 32]).fingerprint(),
            Sealer::new(&[1; 32]).fingerprint()
        );
        assert_ne!(
            Sealer::new(&[1; 32]).fingerprint(),
            Sealer::new(&[2; 32]).fingerprint()
        );
    }
}
