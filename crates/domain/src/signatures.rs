//! What proves that a callback is genuine, and how a receiver sees that it is.
//! SPEC: runs.md, "Callbacks".
//!
//! Two ways at once: `Runflow-Signature` is an HMAC over the body, and
//! `webhook-signature`, as Standard Webhooks has it, one over id, time and body,
//! which also keeps an old message from being sent again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What every secret begins with.
pub(crate) const PREFIX: &str = "whsec_";

/// How far a message's time may be from the receiver's, in seconds.
const TOLERANCE: u64 = 300;

/// What a receiver finds when it verifies a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One of the secrets made the signature.
    Genuine,
    /// There is a signature, and none of the secrets made it.
    Wrong,
    /// The signature is genuine and the message more than five minutes old, or
    /// as far ahead.
    Stale,
    /// There is no signature.
    Unsigned,
}

/// A message as a receiver has it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The header `webhook-id`.
    pub id: Option<&'a str>,
    /// The header `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// The header `webhook-signature`.
    pub standard: Option<&'a str>,
    /// The header `Runflow-Signature`.
    pub plain: Option<&'a str>,
    /// The body, byte for byte.
    pub body: &'a str,
}

impl Message<'_> {
    /// Verifies `Runflow-Signature` with any of `secrets`.
    pub fn verify_plain(&self, secrets: &[String]) -> Verdict {
        let Some(given) = self.plain else {
            return Verdict::Unsigned;
        };
        let made_it = |secret: &String| same(&plain_signature(secret, self.body), given);
        if secrets.iter().any(made_it) {
            Verdict::Genuine
        } else {
            Verdict::Wrong
        }
    }

    /// Verifies `webhook-signature` with any of `secrets`, at `now` in seconds
    /// since 1970.
    pub fn verify_standard(&self, secrets: &[String], now: i64) -> Verdict {
        let (Some(given), Some(id)) = (self.standard, self.id) else {
            return Verdict::Unsigned;
        };
        let Some(seconds) = self.timestamp.and_then(|text| text.parse::<i64>().ok()) else {
            return Verdict::Wrong;
        };
        let made_one = |secret: &String| {
            let expected = standard_signature(secret, id, seconds, self.body);
            given.split(' ').any(|one| same(&expected, one))
        };
        if !secrets.iter().any(made_one) {
            Verdict::Wrong
        } else if now.abs_diff(seconds) > TOLERANCE {
            Verdict::Stale
        } else {
            Verdict::Genuine
        }
    }
}

/// Compares in a time that tells nothing of where two signatures differ.
fn same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

/// HMAC-SHA256 in hex, with the whole text of the secret as the key.
pub(crate) fn plain_signature(secret: &str, body: &str) -> String {
    hex::encode(hmac(secret.as_bytes(), &[body]))
}

/// `v1,<base64>` over `id.seconds.body`, with the bytes that the secret's base64
/// stands for as the key.
pub(crate) fn standard_signature(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    // A secret of a person's own may be no base64: its text is the key then.
    let key = STANDARD
        .decode(encoded)
        .unwrap_or_else(|_| encoded.as_bytes().to_vec());
    let seconds = seconds.to_string();
    let mac = hmac(&key, &[id, ".", &seconds, ".", body]);
    format!("v1,{}", STANDARD.encode(mac))
}

fn hmac(key: &[u8], parts: &[&str]) -> Vec<u8> {
    // INVARIANT: HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own libraries.
    #[test]
    fn the_published_example_comes_out() {
        let signature = standard_signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// The second case of RFC 4231.
    #[test]
    fn the_plain_signature_is_an_hmac_in_hex() {
        assert_eq!(
            plain_signature("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_receiver_sees_what_was_changed() {
        let secrets = ["whsec_b2xk".to_owned(), "whsec_bmV3".to_owned()];
        let (plain, standard) = (
            plain_signature(&secrets[1], "{}"),
            standard_signature(&secrets[1], "id", 1000, "{}"),
        );
        let both = format!("v1,AAAA {standard}");
        let message = Message {
            id: Some("id"),
            timestamp: Some("1000"),
            standard: Some(&both),
            plain: Some(&plain),
            body: "{}",
        };
        assert_eq!(message.verify_plain(&secrets), Verdict::Genuine);
        assert_eq!(message.verify_standard(&secrets, 1300), Verdict::Genuine);
        assert_eq!(message.verify_standard(&secrets, 1301), Verdict::Stale);
        assert_eq!(message.verify_standard(&secrets, 699), Verdict::Stale);
        assert_eq!(message.verify_plain(&secrets[..1]), Verdict::Wrong);
        let changed = Message {
            body: "{} ",
            ..message
        };
        assert_eq!(changed.verify_plain(&secrets), Verdict::Wrong);
        assert_eq!(changed.verify_standard(&secrets, 1000), Verdict::Wrong);
        for timestamp in [None, Some(""), Some("1001"), Some("x")] {
            let moved = Message {
                timestamp,
                ..message
            };
            assert_eq!(moved.verify_standard(&secrets, 1000), Verdict::Wrong);
        }
        let bare = Message {
            standard: None,
            plain: None,
            ..message
        };
        assert_eq!(bare.verify_plain(&secrets), Verdict::Unsigned);
        assert_eq!(bare.verify_standard(&secrets, 1000), Verdict::Unsigned);
    }
}
