//! Signs what is sent to receivers. SPEC: runs.md, "Callbacks".
//!
//! Two ways at once: `Runflow-Signature`, an HMAC over the body by the current
//! secret, and `webhook-signature` as Standard Webhooks has it, an HMAC over id,
//! time and body by every live secret, so that a receiver verifies through a
//! rotation whichever of them it knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use runnel_types::{CallbackSecretId, Fault, OrgId, Timestamp};
use sha2::Sha256;

use crate::{Services, faults};

/// What every secret begins with.
pub(crate) const PREFIX: &str = "whsec_";

/// The headers that prove a message, and the secret that is current.
#[derive(Debug, Default)]
pub(super) struct Signed {
    pub(super) headers: Vec<(String, String)>,
    pub(super) current: Option<CallbackSecretId>,
}

impl Services {
    /// Signs a message with the organization's live secrets; no headers when it
    /// has none.
    pub(super) async fn sign(
        &self,
        org: OrgId,
        id: &str,
        at: Timestamp,
        body: &str,
    ) -> Result<Signed, Fault> {
        let live = self
            .store
            .read()
            .callback_secrets()
            .live(org)
            .await
            .map_err(faults::store)?;
        let mut signed = Signed::default();
        let mut signatures = Vec::new();
        for (secret, sealed) in live {
            let plain = self
                .sealer
                .open(&secret.id.to_string(), &sealed)
                .map_err(Fault::internal)?;
            if secret.is_current {
                signed.current = Some(secret.id);
                signed.headers.push((
                    "runflow-signature".to_owned(),
                    plain_signature(&plain, body),
                ));
            }
            signatures.push(standard_signature(&plain, id, at, body));
        }
        if !signatures.is_empty() {
            let all = signatures.join(" ");
            signed.headers.push(("webhook-signature".to_owned(), all));
        }
        Ok(signed)
    }
}

/// HMAC-SHA256 in hex, with the whole text of the secret as the key.
fn plain_signature(secret: &str, body: &str) -> String {
    hex::encode(hmac(secret.as_bytes(), &[body]))
}

/// `v1,<base64>` over `id.seconds.body`, with the bytes that the secret's base64
/// stands for as the key.
fn standard_signature(secret: &str, id: &str, at: Timestamp, body: &str) -> String {
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    // A secret of a person's own may be no base64: its text is the key then.
    let key = STANDARD
        .decode(encoded)
        .unwrap_or_else(|_| encoded.as_bytes().to_vec());
    let seconds = at.as_seconds().to_string();
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
        let at = Timestamp::from_micros(1_614_265_330_000_000);
        let signature = standard_signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
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
}
