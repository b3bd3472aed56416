//! Signs what is sent to callbacks, with every live secret of the organization, and
//! what is sent to a webhook, with its own.
//!
//! `Runflow-Signature` is the current secret's; `webhook-signature` lists one of
//! each live secret, so that a receiver verifies through a rotation whichever of
//! them it knows. An attempt signs anew: the secrets may have changed since the
//! last one, and the time has.

use runnel_types::{CallbackSecretId, Fault, OrgId, Timestamp};

use crate::signatures::{plain_signature, standard_signature};
use crate::{Services, faults};

/// The headers that prove a message, and the secret that is current.
#[derive(Debug, Default)]
pub(super) struct Signed {
    pub(super) headers: Vec<(String, String)>,
    pub(super) current: Option<CallbackSecretId>,
}

/// The headers of a message that one secret signs, as a webhook's does.
pub(super) fn signed_by(secret: &str, id: &str, at: Timestamp, body: &str) -> Signed {
    let plain = plain_signature(secret, body);
    let standard = standard_signature(secret, id, at.as_seconds(), body);
    Signed {
        headers: vec![
            ("runflow-signature".to_owned(), plain),
            ("webhook-signature".to_owned(), standard),
        ],
        current: None,
    }
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
            signatures.push(standard_signature(&plain, id, at.as_seconds(), body));
        }
        if !signatures.is_empty() {
            let all = signatures.join(" ");
            signed.headers.push(("webhook-signature".to_owned(), all));
        }
        Ok(signed)
    }
}
