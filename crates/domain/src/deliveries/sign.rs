//! Signs what is sent to callbacks, with every live secret of the organization, and
//! what is sent to a webhook, with its own.
//!
//! `Runflow-Signature` is the current secret's; `webhook-signature` lists one of
//! each live secret, so that a receiver verifies through a rotation whichever of
//! them it knows. An attempt signs anew: the secrets may have changed since the
//! last one, and the time has.

use std::fmt;

use runnel_types::{CallbackSecretId, Fault, OrgId, Timestamp};

use crate::signatures::{plain_signature, standard_signature};
use crate::{Services, faults};

/// What signs the deliveries of one sender.
#[derive(Default)]
pub(super) struct Signing {
    /// The secrets, the current one first.
    secrets: Vec<String>,
    /// The current one's id; none when there is no current one.
    pub(super) current: Option<CallbackSecretId>,
    /// The one secret is a webhook's own.
    is_of_webhook: bool,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secrets stay out of every log.
        f.debug_struct("Signing")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl Signing {
    /// What signs the deliveries of a webhook.
    pub(super) fn of_webhook(secret: String) -> Self {
        Self {
            secrets: vec![secret],
            current: None,
            is_of_webhook: true,
        }
    }

    /// Whether callback secrets sign.
    pub(super) const fn uses_callback_secrets(&self) -> bool {
        !self.secrets.is_empty() && !self.is_of_webhook
    }

    /// The headers that prove a message; none without a secret.
    pub(super) fn headers(&self, id: &str, at: Timestamp, body: &str) -> Vec<(String, String)> {
        let mut headers = Vec::with_capacity(2);
        if let Some(current) = self
            .secrets
            .first()
            .filter(|_| self.current.is_some() || self.is_of_webhook)
        {
            let signature = plain_signature(current, body);
            headers.push(("runflow-signature".to_owned(), signature));
        }
        let signatures: Vec<String> = self
            .secrets
            .iter()
            .map(|secret| standard_signature(secret, id, at.as_seconds(), body))
            .collect();
        if !signatures.is_empty() {
            headers.push(("webhook-signature".to_owned(), signatures.join(" ")));
        }
        headers
    }
}

impl Services {
    /// What signs the callbacks of an organization.
    pub(super) async fn signing(&self, org: OrgId) -> Result<Signing, Fault> {
        let live = self
            .store
            .read()
            .callback_secrets()
            .live(org)
            .await
            .map_err(faults::store)?;
        let mut signing = Signing::default();
        for (secret, sealed) in live {
            if secret.is_current {
                signing.current = Some(secret.id);
            }
            let plain = self.sealer.open(&secret.id.to_string(), &sealed);
            signing.secrets.push(plain.map_err(Fault::internal)?);
        }
        Ok(signing)
    }
}
