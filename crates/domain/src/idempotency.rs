//! `Idempotency-Key`: what was asked once is done once, and answered alike.
//!
//! A request takes its key before it does anything. What it does is committed
//! together with the note that it was done ([`Services::begin_once`]), so that
//! neither a second request nor a crash between the commit and the answer makes
//! it happen twice.
//!
//! Answers may show what is shown once, such as a new secret. So all of them are
//! kept sealed: a list of those that must be would one day lack one.

use std::convert::Infallible;
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::idempotency_keys::Claim;
use runnel_types::{Answer, Fault, FieldFault, OrgId, Used};
use tokio::time::MissedTickBehavior;

use crate::sealing::is_sealed_apart;
use crate::{Caller, Services, faults};

/// How long an answer is kept.
const LIFE: Duration = Duration::from_hours(24);

/// The most characters of a key.
const MAX_KEY: usize = 255;

/// Keys forgotten in one transaction.
const BATCH: i64 = 500;

/// How a request with a key begins.
#[derive(Debug)]
pub enum Begun {
    /// The key is the request's own: it is to be done beside
    /// [`Services::hold_key`], and then [`Services::end_once`] is to be called.
    Own,
    /// The key was used before, and this is what became of it.
    Used(Used),
}

impl Services {
    /// Takes `key` for a request. `fingerprint` is SHA-256 over what it asks.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a key that is none, `CONFLICT` while another
    /// request is at work under it.
    pub async fn take_key(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: &str,
    ) -> Result<Begun, Fault> {
        if !(1..=MAX_KEY).contains(&key.len()) {
            return Err(bad_key(&format!(
                "must be given once, in 1 to {MAX_KEY} characters of ASCII"
            )));
        }
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let claim = Claim {
            org: caller.org_id,
            key,
            fingerprint,
            owner: caller.request_id,
            now,
            lease_until: now.plus(self.limits.key_lease),
            forgotten_before: now.minus(LIFE),
        };
        let claimed = tx
            .idempotency_keys()
            .claim(claim)
            .await
            .map_err(faults::store)?;
        let used = tx
            .idempotency_keys()
            .get(caller.org_id, key)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        match used {
            _ if claimed => Ok(Begun::Own),
            Some(used) if used.answer.is_some() => Ok(Begun::Used(used)),
            // Within its lease it is more likely at its answer than dead.
            Some(used) if used.is_done && used.lease_until < now => Err(Fault::conflict(
                "what was asked with this Idempotency-Key has been done, but its answer was lost when the server stopped; look for the result in the lists, and do not send it again",
            )),
            _ => Err(Fault::conflict(
                "a request with this Idempotency-Key is still at work; try again in a moment",
            )),
        }
    }

    /// The answer that a used key stands for, as it was given.
    ///
    /// # Errors
    /// `CONFLICT` when something else was asked with it.
    pub fn answer_again(
        &self,
        caller: &Caller,
        key: &str,
        used: Used,
        fingerprint: &str,
    ) -> Result<Answer, Fault> {
        let kept = used
            .answer
            .filter(|_| used.fingerprint == fingerprint)
            .ok_or_else(|| {
                Fault::conflict(
                    "this Idempotency-Key was used for another request: the path, the body or the API key is not the same; use a new one for each thing that you ask",
                )
            })?;
        // Answers of before they were sealed are JSON, which never begins like a
        // sealed text. They are given as they are: if they counted as absent, what
        // was asked would be done again. A day later there is none.
        if !is_sealed_apart(&kept.body) {
            return Ok(kept);
        }
        let body = self
            .sealer
            .open_apart(&place(caller.org_id, key), &kept.body)
            .map_err(Fault::internal)?;
        Ok(Answer { body, ..kept })
    }

    /// Renews the lease of a request's key for as long as it is polled. Once the
    /// key is another's it renews no more: what is asked goes on and finds out
    /// when it begins its transaction, since only that may not happen twice.
    ///
    /// # Cancel safety
    /// It is meant to be dropped, when the request has its answer.
    pub async fn hold_key(&self, caller: &Caller, key: &str) -> Infallible {
        // Three chances before it ends.
        let mut heartbeat = tokio::time::interval(self.limits.key_lease / 3);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.tick().await;
        loop {
            heartbeat.tick().await;
            match self.renew_key(caller, key).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::debug!("another request has the Idempotency-Key of this one by now");
                    return std::future::pending().await;
                }
                // The database may be away for a moment; the next beat tells.
                Err(fault) => {
                    tracing::warn!(%fault, "the lease of an Idempotency-Key could not be renewed");
                }
            }
        }
    }

    async fn renew_key(&self, caller: &Caller, key: &str) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let is_own = tx
            .idempotency_keys()
            .renew(
                caller.org_id,
                key,
                caller.request_id,
                self.now().plus(self.limits.key_lease),
            )
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(is_own)
    }

    /// Begins the one transaction in which a request does what it was asked
    /// for. Under a key it happens only if the key is still the request's own.
    ///
    /// # Errors
    /// `CONFLICT` when another request has the key by now.
    pub(crate) async fn begin_once(&self, caller: &Caller) -> Result<Tx, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        if let Some(key) = &caller.idempotency_key {
            let is_own = tx
                .idempotency_keys()
                .mark_done(caller.org_id, key, caller.request_id)
                .await
                .map_err(faults::store)?;
            if !is_own {
                return Err(Fault::conflict(
                    "this request took so long that another one with its Idempotency-Key came first; nothing was done",
                ));
            }
        }
        Ok(tx)
    }

    /// Ends a request with a key: keeps its answer, or gives the key free when
    /// there is none to be kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_once(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: &str,
        answer: Option<Answer>,
    ) -> Result<(), Fault> {
        let (org, owner) = (caller.org_id, caller.request_id);
        let sealed = answer.map(|answer| Answer {
            body: self
                .sealer
                .seal_apart(&self.ids, &place(org, key), &answer.body),
            ..answer
        });
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let keys = &mut tx.idempotency_keys();
        match &sealed {
            Some(answer) => keys.keep_answer(org, key, owner, fingerprint, answer).await,
            None => keys.release(org, key, owner).await,
        }
        .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }

    /// Forgets answers that are too old to be given again.
    ///
    /// # Errors
    /// When the database fails; what was forgotten until then is forgotten.
    pub async fn forget_answers(&self) -> Result<(), Fault> {
        let before = self.now().minus(LIFE);
        loop {
            let mut tx = self.store.begin().await.map_err(faults::store)?;
            let forgotten = tx
                .idempotency_keys()
                .forget_unscoped(before, BATCH)
                .await
                .map_err(faults::store)?;
            tx.commit().await.map_err(faults::store)?;
            if forgotten == 0 {
                return Ok(());
            }
        }
    }
}

/// What the answer under a key is sealed for.
fn place(org: OrgId, key: &str) -> String {
    format!("idempotency key of {org}: {key}")
}

/// The fault of a key that is none.
pub(crate) fn bad_key(message: &str) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["header".to_owned(), "Idempotency-Key".to_owned()],
        rule: "idempotency_key",
        message: message.to_owned(),
    }])
}
