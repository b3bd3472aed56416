//! Encrypts what must be read again but not lie open in the database: the secrets
//! that sign callbacks.
//!
//! AES-256-GCM under a key that the operator keeps outside the database. What the
//! text belongs to is authenticated with it, so that a sealed text which is moved
//! to another row does not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use runnel_types::IdSource;
use sha2::{Digest, Sha256};

/// What a sealed text begins with; a later form gets another word.
const FORM: &str = "v1:";

/// Seals and opens texts.
pub struct Sealer {
    key: LessSafeKey,
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
    "a secret in the database cannot be opened: it was sealed with another key than this server's, or changed"
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
        let mut nonce = [0_u8; NONCE_LEN];
        ids.fill(&mut nonce);
        let mut bytes = plain.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner),
                &mut bytes,
            )
            // INVARIANT: it fails only for texts of many gigabytes.
            .expect("a secret is short");
        format!("{FORM}{}{}", hex::encode(nonce), hex::encode(bytes))
    }

    /// Decrypts what was sealed for `owner`.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<String, CannotOpen> {
        let bytes = sealed.strip_prefix(FORM).ok_or(CannotOpen)?;
        let bytes = hex::decode(bytes).map_err(|_| CannotOpen)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let mut rest = rest.to_vec();
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(owner), &mut rest)
            .map_err(|_| CannotOpen)?;
        String::from_utf8(plain.to_vec()).map_err(|_| CannotOpen)
    }
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
