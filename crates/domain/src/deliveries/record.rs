//! Records what came of attempts, as many as have ended, in one commit.
//!
//! A worker whose lease was lost writes nothing of that delivery: another one has
//! it. A crash before the commit repeats the attempts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::deliveries::AttemptOutcome;
use runnel_store::jobs::Held;
use runnel_types::{
    Attempt, CallbackSecretId, DeliveryId, Fault, JobId, OrgId, Timestamp, WebhookId,
};

use super::attempt::{End, Finished};
use super::due::{Due, Over};
use super::sign::Signing;
use crate::jobs::by_worker;
use crate::runs::Lease;
use crate::{Services, faults};

/// An attempt that was made, and what follows from it.
struct Tried<'a> {
    due: &'a Due,
    attempt: &'a Attempt,
    outcome: AttemptOutcome,
}

impl Services {
    /// Records what came of deliveries in hand: the attempts, and with each the end
    /// of its job or its next time. Of one that was recorded before, or whose lease
    /// was lost, nothing is written.
    ///
    /// # Errors
    /// When the database fails; nothing is written then. The deliveries are due again
    /// when their leases end, unless this is asked again before.
    pub async fn record_attempts(&self, finished: &[Finished]) -> Result<(), Fault> {
        let now = self.now();
        let mut put_back = Vec::new();
        let mut unsent = Vec::new();
        let mut attempted = Vec::new();
        for Finished { due, end } in finished {
            match end {
                End::PutBack { at } => put_back.push((due, *at)),
                End::Over(over) => unsent.push((due, over)),
                End::Attempted { attempt, outcome } => attempted.push(Tried {
                    due,
                    attempt,
                    outcome: outcome.clone(),
                }),
            }
        }
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the leases first; a worker that lost one must not write.
        let given_back = give_back(&mut tx, &put_back).await?;
        let held = settle_jobs(&mut tx, &attempted).await?;
        attempted.retain(|tried| held.contains(&tried.due.lease.job_id));
        settle_unsent(&mut tx, &mut unsent).await?;
        // ORDER: the webhooks before any delivery, as everybody takes them.
        self.note_webhooks(&mut tx, &mut attempted).await?;
        for (at, ids) in given_back {
            let put_back = tx.deliveries().put_back(&ids, at, now).await;
            put_back.map_err(faults::store)?;
        }
        end_unsent(&mut tx, &unsent, now).await?;
        note_secrets(&mut tx, &attempted).await?;
        let (delivered, others): (Vec<_>, Vec<_>) = attempted
            .into_iter()
            .partition(|tried| tried.outcome == AttemptOutcome::Succeeded);
        record_delivered(&mut tx, &delivered, now).await?;
        for tried in &others {
            record_failed(&mut tx, tried, now).await?;
        }
        tx.commit().await.map_err(faults::store)
    }

    /// Notes on webhooks how they did, which may end what was to be tried again: its
    /// job stays put off, and finds then that there is nothing to deliver.
    async fn note_webhooks(&self, tx: &mut Tx, attempted: &mut [Tried<'_>]) -> Result<(), Fault> {
        let webhook_of = |due: &Due| due.delivery.subject.webhook().map(|event| event.webhook_id);
        // Two that record at once take the webhooks in one order, so that neither
        // waits for the other.
        attempted.sort_by_key(|tried| (webhook_of(tried.due), tried.attempt.created_at));
        let mut works: Option<WebhookId> = None;
        for tried in attempted {
            let Some(webhook) = webhook_of(tried.due) else {
                continue;
            };
            let is_delivered = tried.outcome == AttemptOutcome::Succeeded;
            // Of successes in a row one says it all.
            if is_delivered && works == Some(webhook) {
                continue;
            }
            works = is_delivered.then_some(webhook);
            let of = (tried.due.delivery.org_id, webhook);
            let outcome = tried.outcome.clone();
            tried.outcome = self
                .note_webhook_attempt(tx, of, outcome, tried.attempt.created_at)
                .await?;
        }
        Ok(())
    }

    /// Keeps deliveries in hand for `by` longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_leases(&self, leases: &[Lease], by: Duration) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let until = self.now().plus(by);
        for (worker, ids) in by_worker(leases) {
            let held = Held { worker, ids: &ids };
            tx.jobs()
                .extend_leases(held, until)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)
    }
}

/// Gives jobs back that were not tried; answers with the deliveries of those that
/// were still held, by when they may be taken again.
async fn give_back(
    tx: &mut Tx,
    due: &[(&Due, Timestamp)],
) -> Result<BTreeMap<Timestamp, Vec<DeliveryId>>, Fault> {
    let mut by_time: BTreeMap<Timestamp, Vec<&Due>> = BTreeMap::new();
    for (due, at) in due {
        by_time.entry(*at).or_default().push(due);
    }
    let mut given_back = BTreeMap::new();
    for (at, due) in by_time {
        let mut given = HashSet::new();
        for (worker, ids) in by_worker(due.iter().map(|due| &due.lease)) {
            let held = Held { worker, ids: &ids };
            let back = tx.jobs().hand_back_all(held, at).await;
            given.extend(back.map_err(faults::store)?);
        }
        let still = due.iter().filter(|due| given.contains(&due.lease.job_id));
        given_back.insert(at, still.map(|due| due.delivery.id).collect());
    }
    Ok(given_back)
}

/// Ends the jobs of what is not sent any more, and keeps to those still held.
async fn settle_unsent(tx: &mut Tx, unsent: &mut Vec<(&Due, &Over)>) -> Result<(), Fault> {
    let mut held = HashSet::new();
    for (worker, ids) in by_worker(unsent.iter().map(|(due, _)| &due.lease)) {
        let done = tx.jobs().complete_all(Held { worker, ids: &ids }).await;
        held.extend(done.map_err(faults::store)?);
    }
    unsent.retain(|(due, _)| held.contains(&due.lease.job_id));
    Ok(())
}

/// Ends deliveries to webhooks to which nothing is sent any more.
async fn end_unsent(tx: &mut Tx, unsent: &[(&Due, &Over)], now: Timestamp) -> Result<(), Fault> {
    for (due, over) in unsent {
        let (org, id) = (due.delivery.org_id, due.delivery.id);
        tx.deliveries()
            .give_up(org, id, (over.code, &over.detail), now)
            .await
            .map_err(faults::store)?;
    }
    Ok(())
}

/// Ends the jobs that are done and puts off the others; answers with those that
/// were still held.
async fn settle_jobs(tx: &mut Tx, attempted: &[Tried<'_>]) -> Result<HashSet<JobId>, Fault> {
    let mut held = HashSet::new();
    let mut done = Vec::new();
    for tried in attempted {
        let lease = &tried.due.lease;
        match tried.outcome {
            AttemptOutcome::RetryAt(at) => {
                let put_off = tx.jobs().retry_at(lease.job_id, &lease.worker, at).await;
                if put_off.map_err(faults::store)? {
                    held.insert(lease.job_id);
                }
            }
            AttemptOutcome::Succeeded | AttemptOutcome::Failed { .. } => done.push(lease),
        }
    }
    for (worker, ids) in by_worker(done) {
        let completed = tx.jobs().complete_all(Held { worker, ids: &ids }).await;
        held.extend(completed.map_err(faults::store)?);
    }
    Ok(held)
}

/// Notes when the secrets of each organization were used last, in one order for all
/// that record at once.
async fn note_secrets(tx: &mut Tx, attempted: &[Tried<'_>]) -> Result<(), Fault> {
    let mut used: BTreeMap<OrgId, Timestamp> = BTreeMap::new();
    for Tried { due, attempt, .. } in attempted {
        if due.signing().is_some_and(Signing::uses_callback_secrets) {
            let last = used
                .entry(due.delivery.org_id)
                .or_insert(attempt.created_at);
            *last = attempt.created_at.max(*last);
        }
    }
    for (org, at) in used {
        let noted = tx.callback_secrets().note_used(org, at).await;
        noted.map_err(faults::store)?;
    }
    Ok(())
}

async fn record_delivered(
    tx: &mut Tx,
    delivered: &[Tried<'_>],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut by_secret: HashMap<Option<CallbackSecretId>, Vec<DeliveryId>> = HashMap::new();
    for Tried { due, .. } in delivered {
        let secret = due.signing().and_then(|signing| signing.current);
        by_secret.entry(secret).or_default().push(due.delivery.id);
    }
    let mut numbers = HashMap::new();
    for (secret, ids) in by_secret {
        let ended = tx.deliveries().succeed(&ids, secret, now).await;
        numbers.extend(ended.map_err(faults::store)?);
    }
    let attempts: Vec<(OrgId, Attempt)> = delivered
        .iter()
        .filter_map(|Tried { due, attempt, .. }| {
            let attempt_number = *numbers.get(&due.delivery.id)?;
            let attempt = Attempt {
                attempt_number,
                ..(*attempt).clone()
            };
            Some((due.delivery.org_id, attempt))
        })
        .collect();
    tx.deliveries()
        .insert_attempts(&attempts)
        .await
        .map_err(faults::store)
}

async fn record_failed(tx: &mut Tx, tried: &Tried<'_>, now: Timestamp) -> Result<(), Fault> {
    let delivery = &tried.due.delivery;
    if let Some(signing) = tried.due.signing()
        && signing.current != delivery.signing_secret_id
    {
        tx.deliveries()
            .note_signed(delivery.org_id, delivery.id, signing.current)
            .await
            .map_err(faults::store)?;
    }
    tx.deliveries()
        .record_attempt(delivery.org_id, tried.attempt, &tried.outcome, now)
        .await
        .map_err(faults::store)
        .map(drop)
}
