//! Callback secrets: made, shown once, promoted, retired.
//!
//! Rotation without a gap: make a second secret, teach it to the receivers,
//! promote it, retire the first. In between both sign `webhook-signature`, and
//! the current one alone makes `Runflow-Signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runnel_store::StoreError;
use runnel_types::list::{ListRequest, Place};
use runnel_types::{CallbackSecret, CallbackSecretId, Fault, Page, Scope};
use serde_json::Value;

use crate::fields::Fields;
use crate::signatures::PREFIX as SECRET_PREFIX;
use crate::{Caller, Services, faults};

/// The most characters of a label.
const MAX_LABEL: usize = 255;
/// The most live secrets of an organization: each is a signature in a header.
const MAX_LIVE: i64 = 10;
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// How much of a secret is kept readable, so that its owner recognises it.
const SHOWN: usize = SECRET_PREFIX.len() + 4;

/// A secret that was just made; `plain` is shown once.
#[derive(Debug)]
pub struct NewCallbackSecret {
    /// The record.
    pub record: CallbackSecret,
    /// The secret itself.
    pub plain: String,
}

impl Services {
    /// Makes a secret. The first live one of an organization is current at once.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, or `CONFLICT` when there are too many.
    pub async fn create_callback_secret(
        &self,
        caller: &Caller,
        body: &Value,
    ) -> Result<NewCallbackSecret, Fault> {
        caller.require(Scope::CallbackSecretsCreate)?;
        let mut fields = Fields::of(body)?;
        let label = fields.optional_text("label", MAX_LABEL).map(str::to_owned);
        fields.finish()?;
        let mut random = [0_u8; SECRET_BYTES];
        self.ids.fill(&mut random);
        let plain = format!("{SECRET_PREFIX}{}", STANDARD.encode(random));
        let now = self.now();
        let mut tx = self.begin_once(caller).await?;
        let live = tx.callback_secrets().live(caller.org_id).await;
        let live = live.map_err(faults::store)?;
        if live.len() as i64 >= MAX_LIVE {
            let message = format!(
                "there are {MAX_LIVE} live secrets, which is the most; delete one that no receiver needs any more"
            );
            return Err(Fault::conflict(message));
        }
        let record = CallbackSecret {
            id: self.ids.next(),
            org_id: caller.org_id,
            key_prefix: plain.chars().take(SHOWN).collect(),
            label,
            is_current: !live.iter().any(|(secret, _)| secret.is_current),
            created_by: Some(caller.key_id()),
            disabled_at: None,
            last_used_at: None,
            created_at: now,
            updated_at: now,
        };
        let sealed = self.sealer.seal(&self.ids, &record.id.to_string(), &plain);
        let inserted = tx.callback_secrets().insert(&record, &sealed).await;
        inserted.map_err(at_once)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(NewCallbackSecret { record, plain })
    }

    /// A page of the caller's secrets, retired ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_callback_secrets(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<CallbackSecret, Place>, Fault> {
        caller.require(Scope::CallbackSecretsRead)?;
        let read = self.store.read();
        let page = read.callback_secrets().list(caller.org_id, request).await;
        page.map_err(faults::store)
    }

    /// Gives a secret another label, or makes it the current one.
    ///
    /// # Errors
    /// `CALLBACK_SECRET_NOT_FOUND`, `VALIDATION_ERROR`, or `CONFLICT` for one
    /// that is retired.
    pub async fn change_callback_secret(
        &self,
        caller: &Caller,
        id: CallbackSecretId,
        body: &Value,
    ) -> Result<CallbackSecret, Fault> {
        caller.require(Scope::CallbackSecretsEdit)?;
        let mut fields = Fields::of(body)?;
        let is_relabelled = fields.is_given("label");
        let label = fields.optional_text("label", MAX_LABEL);
        let promoted = fields.optional_flag("is_current");
        // What is no flag at all is refused already.
        if let Some(Value::Bool(false) | Value::Null) = body.get("is_current") {
            let message = "can only be true; a secret steps down when another one is promoted or it is deleted";
            fields.refuse("is_current", "enum", message);
        }
        fields.finish()?;
        let now = self.now();
        let mut tx = self.begin_once(caller).await?;
        let known = tx.callback_secrets().get(caller.org_id, id).await;
        let mut secret = known.map_err(faults::store)?.ok_or_else(|| not_found(id))?;
        if is_relabelled {
            let changed = tx
                .callback_secrets()
                .relabel(caller.org_id, id, label, now)
                .await;
            secret = changed
                .map_err(faults::store)?
                .ok_or_else(|| not_found(id))?;
        }
        if promoted {
            let changed = tx.callback_secrets().promote(caller.org_id, id, now).await;
            secret = changed.map_err(at_once)?.ok_or_else(|| {
                Fault::conflict(
                    "this secret was deleted and signs nothing any more; make a new one",
                )
            })?;
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(secret)
    }

    /// Retires a secret: it signs nothing from now on. Retiring it twice
    /// changes nothing.
    ///
    /// # Errors
    /// `CALLBACK_SECRET_NOT_FOUND`.
    pub async fn delete_callback_secret(
        &self,
        caller: &Caller,
        id: CallbackSecretId,
    ) -> Result<(), Fault> {
        caller.require(Scope::CallbackSecretsDelete)?;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let retired = tx
            .callback_secrets()
            .disable(caller.org_id, id, self.now())
            .await;
        retired
            .map_err(faults::store)?
            .ok_or_else(|| not_found(id))?;
        tx.commit().await.map_err(faults::store)
    }
}

fn at_once(error: StoreError) -> Fault {
    match error {
        StoreError::Conflict { .. } => Fault::conflict(
            "another secret became the current one at this very moment; look at the list and try again",
        ),
        other => faults::store(other),
    }
}

fn not_found(id: CallbackSecretId) -> Fault {
    Fault::not_found(
        "CALLBACK_SECRET_NOT_FOUND",
        format!("there is no callback secret {id}"),
    )
}
