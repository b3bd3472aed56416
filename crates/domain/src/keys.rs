//! API keys: made, recognised, revoked. A key is shown once and kept as a hash.

use runnel_types::{ApiKey, ApiKeyId, Fault, Org, OrgId, RequestId, Scope};
use sha2::{Digest, Sha256};

use crate::faults;
use crate::{Caller, Services};

/// What every key begins with.
const PREFIX: &str = "rf_live_";
/// Letters and digits after the prefix: 40 of 62 are 238 bits.
const SECRET_LENGTH: usize = 40;
/// How much of a key is kept readable, so that its owner recognises it.
const SHOWN: usize = PREFIX.len() + 4;

/// A key that was just made; `plain` is shown once and never kept.
#[derive(Debug)]
pub struct NewKey {
    /// The record.
    pub record: ApiKey,
    /// The key itself.
    pub plain: String,
}

impl Services {
    /// Finds who holds `plain`, acting for `org` when one is named.
    ///
    /// # Errors
    /// `UNAUTHORIZED` for a key that is unknown or revoked, `PERMISSION_DENIED`
    /// when it belongs to another organization than the one named.
    pub async fn authenticate(
        &self,
        plain: &str,
        org: Option<&str>,
        request_id: RequestId,
    ) -> Result<Caller, Fault> {
        let unknown = || {
            Fault::unauthorized(
                "the API key is not known or was revoked; check the Authorization header",
            )
        };
        if !is_well_formed(plain) {
            return Err(unknown());
        }
        let found = self
            .store
            .read()
            .api_keys()
            .get_by_hash(&hash(plain))
            .await
            .map_err(faults::store)?;
        let key = found
            .filter(|key| key.revoked_at.is_none())
            .ok_or_else(unknown)?;
        if org.is_some_and(|org| org.parse() != Ok(key.org_id)) {
            let message = "the key does not belong to the organization that X-Organization-Id names; leave the header out to use the key's own";
            return Err(Fault::permission_denied(message));
        }
        Ok(Caller {
            org_id: key.org_id,
            key,
            request_id,
            idempotency_key: None,
        })
    }

    /// The organization that a caller acts for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn org_of(&self, caller: &Caller) -> Result<Org, Fault> {
        let org = self
            .store
            .read()
            .orgs()
            .get(caller.org_id)
            .await
            .map_err(faults::store)?;
        org.ok_or_else(|| {
            Fault::internal(format!(
                "the organization {} of a key is gone",
                caller.org_id
            ))
        })
    }

    /// Makes a key for the organization called `org` (the default one when
    /// none is named), which is created when it does not exist.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn create_key(
        &self,
        org: Option<&str>,
        name: &str,
        scopes: &[Scope],
    ) -> Result<NewKey, Fault> {
        let plain = self.random_key();
        let record = self.store_key(org, name, scopes, &plain).await?;
        Ok(NewKey { record, plain })
    }

    /// Makes the first key, when there is none at all.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn create_first_key(&self) -> Result<Option<NewKey>, Fault> {
        if self
            .store
            .read()
            .api_keys()
            .count_all()
            .await
            .map_err(faults::store)?
            > 0
        {
            return Ok(None);
        }
        self.create_key(None, "first", Scope::ALL).await.map(Some)
    }

    /// Makes sure that `plain` is a key of the default organization with all
    /// scopes, as `RUNNEL_BOOTSTRAP_API_KEY` asks.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when clients would not take it for a key.
    pub async fn ensure_key(&self, plain: &str) -> Result<(), Fault> {
        if !is_well_formed(plain) {
            let message = format!("must be {PREFIX} and 16 to 200 letters and digits");
            return Err(Fault::invalid_field(
                "RUNNEL_BOOTSTRAP_API_KEY",
                "format",
                message,
            ));
        }
        let known = self
            .store
            .read()
            .api_keys()
            .get_by_hash(&hash(plain))
            .await
            .map_err(faults::store)?;
        if known.is_some_and(|key| key.revoked_at.is_none()) {
            return Ok(());
        }
        self.store_key(None, "bootstrap", Scope::ALL, plain)
            .await
            .map(drop)
    }

    /// Every key of every organization, for the operator at the command line.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_keys(&self) -> Result<Vec<(Org, ApiKey)>, Fault> {
        let read = self.store.read();
        let mut all = Vec::new();
        for org in read.orgs().list().await.map_err(faults::store)? {
            for key in read.api_keys().list(org.id).await.map_err(faults::store)? {
                all.push((org.clone(), key));
            }
        }
        Ok(all)
    }

    /// Revokes the key that `name` names: its id, or its shown prefix when
    /// only one key has it.
    ///
    /// # Errors
    /// `NOT_FOUND` when no key, or more than one, goes by that name.
    pub async fn revoke_key(&self, name: &str) -> Result<ApiKey, Fault> {
        let keys = self.list_keys().await?;
        let id = name.parse::<ApiKeyId>().ok();
        let mut found = keys
            .iter()
            .filter(|(_, key)| Some(key.id) == id || key.prefix == name);
        let (org, key) = match (found.next(), found.next()) {
            (Some(only), None) => only,
            (None, _) => {
                let message = format!("there is no key {name:?}; runnel keys list shows their ids");
                return Err(Fault::not_found("NOT_FOUND", message));
            }
            (Some(_), Some(_)) => {
                let message = format!(
                    "more than one key begins with {name}; name the id that runnel keys list shows"
                );
                return Err(Fault::not_found("NOT_FOUND", message));
            }
        };
        self.mark_revoked(org.id, key.id).await
    }

    async fn mark_revoked(&self, org: OrgId, id: ApiKeyId) -> Result<ApiKey, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let revoked = tx
            .api_keys()
            .revoke(org, id, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        revoked.ok_or_else(|| Fault::not_found("NOT_FOUND", format!("there is no key {id}")))
    }

    async fn store_key(
        &self,
        org: Option<&str>,
        name: &str,
        scopes: &[Scope],
        plain: &str,
    ) -> Result<ApiKey, Fault> {
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let org = if let Some(name) = org {
            self.find_or_make_org(&mut tx, name).await?.0
        } else {
            let default = tx.orgs().default_org(&self.ids, now).await;
            default.map_err(faults::store)?
        };
        let record = ApiKey {
            id: self.ids.next(),
            org_id: org.id,
            name: name.to_owned(),
            prefix: plain.chars().take(SHOWN).collect(),
            scopes: scopes.to_vec(),
            created_at: now,
            revoked_at: None,
        };
        let record = tx
            .api_keys()
            .upsert_by_hash(&record, &hash(plain))
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(record)
    }

    fn random_key(&self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut key = PREFIX.to_owned();
        while key.len() < PREFIX.len() + SECRET_LENGTH {
            let mut byte = [0_u8; 1];
            self.ids.fill(&mut byte);
            // Bytes past the last whole multiple of 62 would favour the first letters.
            if let Some(letter) = LETTERS.get(usize::from(byte[0] & 63)) {
                key.push(char::from(*letter));
            }
        }
        key
    }
}

/// Whether clients of the contract would take `plain` for a key.
fn is_well_formed(plain: &str) -> bool {
    let secret = plain.strip_prefix(PREFIX).unwrap_or_default();
    (16..=200).contains(&secret.len())
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A key has more than 200 random bits, so a fast hash without salt cannot be
/// searched; and being a hash, comparing it in an index tells nothing of the key.
fn hash(plain: &str) -> String {
    hex::encode(Sha256::digest(plain.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_clients_take_for_a_key_is_looked_up() {
        assert!(is_well_formed("rf_live_0123456789abcdef"));
        for bad in [
            "",
            "rf_live_",
            "rf_live_short",
            "sk_live_0123456789abcdef",
            "rf_live_0123456789abcde!",
        ] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
