//! Records what came of attempts, as many as have ended, in one commit.
//!
//! A worker whose lease was lost writes nothing of that delivery: another one has
//! it. A crash before the commit repeats the attempts.

use std::collections::{HashMap, HashSet};

use runnel_store::Tx;
use runnel_store::deliveries::AttemptOutcome;
use runnel_store::jobs::Held;
use runnel_types::{
    Attempt, CallbackSecretId, DeliveryId, Fault, JobId, OrgId, Timestamp, WebhookId,
};

use super::attempt::{End, Finished, Over};
use super::claim::Due;
use crate::runs::Lease;
use crate::{Services, faults};

impl Services {
    /// Records what came of deliveries in hand: the attempts, and with each the end
    /// of its job or its next time.
    ///
    /// # Errors
    /// When the database fails; nothing is written then, and the deliveries are due
    /// again when their leases end.
    pub async fn record_attempts(&self, finished: Vec<Finished>) -> Result<(), Fault> {
        let now = self.now();
        let mut put_back = Vec::new();
        let mut unsent = Vec::new();
        let mut attempted = Vec::new();
        for Finished { due, end } in finished {
            match end {
                End::PutBack => put_back.push(due),
                End::Over(over) => unsent.push((due, over)),
                End::Attempted { attempt, outcome } => attempted.push((due, attempt, outcome)),
            }
        }
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the leases first; a worker that lost one must not write.
        let given_back = give_back(&mut tx, &put_back, now).await?;
        let held = settle_jobs(&mut tx, &attempted).await?;
        attempted.retain(|(due, ..)| held.contains(&due.lease.job_id));
        settle_unsent(&mut tx, &mut unsent).await?;
        // ORDER: the webhooks before any delivery, as everybody takes them.
        self.note_webhooks(&mut tx, &mut attempted).await?;
        tx.deliveries()
            .put_back(&given_back, now)
            .await
            .map_err(faults::store)?;
        end_unsent(&mut tx, &unsent, now).await?;
        note_secrets(&mut tx, &attempted).await?;
        let (ended, others): (Vec<_>, Vec<_>) = attempted
            .into_iter()
            .partition(|(.., outcome)| *outcome == AttemptOutcome::Succeeded);
        record_delivered(&mut tx, ended, now).await?;
        for (due, attempt, outcome) in others {
            record_failed(&mut tx, &due, &attempt, &outcome, now).await?;
        }
        tx.commit().await.map_err(faults::store)
    }

    /// Notes on webhooks how they did, which may end what was to be tried again: its
    /// job stays put off, and finds then that there is nothing to deliver.
    async fn note_webhooks(
        &self,
        tx: &mut Tx,
        attempted: &mut [(Due, Attempt, AttemptOutcome)],
    ) -> Result<(), Fault> {
        let webhook_of = |due: &Due| due.delivery.subject.webhook().map(|event| event.webhook_id);
        // Two that record at once take the webhooks in one order, so that neither
        // waits for the other.
        attempted.sort_by_key(|(due, attempt, _)| (webhook_of(due), attempt.created_at));
        let mut works: Option<WebhookId> = None;
        for (due, attempt, outcome) in attempted {
            let Some(webhook) = webhook_of(due) else {
                continue;
            };
            let is_delivered = *outcome == AttemptOutcome::Succeeded;
            // Of successes in a row one says it all.
            if is_delivered && works == Some(webhook) {
                continue;
            }
            works = is_delivered.then_some(webhook);
            let of = (due.delivery.org_id, webhook);
            *outcome = self
                .note_webhook_attempt(tx, of, outcome.clone(), attempt.created_at)
                .await?;
        }
        Ok(())
    }

    /// Keeps deliveries in hand for `by` longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_leases(
        &self,
        leases: &[Lease],
        by: std::time::Duration,
    ) -> Result<(), Fault> {
        let until = self.now().plus(by);
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        for (worker, ids) in by_worker(leases.iter()) {
            let held = Held { worker, ids: &ids };
            tx.jobs()
                .extend_leases(held, until)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)
    }
}

/// The jobs of each claim.
fn by_worker<'a>(leases: impl Iterator<Item = &'a Lease>) -> HashMap<&'a str, Vec<JobId>> {
    let mut claims: HashMap<&str, Vec<JobId>> = HashMap::new();
    for lease in leases {
        claims.entry(&lease.worker).or_default().push(lease.job_id);
    }
    claims
}

/// Gives jobs back that were not tried; answers with the deliveries of those that
/// were still held.
async fn give_back(tx: &mut Tx, due: &[Due], now: Timestamp) -> Result<Vec<DeliveryId>, Fault> {
    let mut given = HashSet::new();
    for (worker, ids) in by_worker(due.iter().map(|due| &due.lease)) {
        let held = Held { worker, ids: &ids };
        let back = tx.jobs().hand_back_all(held, now).await;
        given.extend(back.map_err(faults::store)?);
    }
    let still = due.iter().filter(|due| given.contains(&due.lease.job_id));
    Ok(still.map(|due| due.delivery.id).collect())
}

/// Ends the jobs of what is not sent any more, and keeps to those still held.
async fn settle_unsent(tx: &mut Tx, unsent: &mut Vec<(Due, Over)>) -> Result<(), Fault> {
    let mut held = HashSet::new();
    for (worker, ids) in by_worker(unsent.iter().map(|(due, _)| &due.lease)) {
        let done = tx.jobs().complete_all(Held { worker, ids: &ids }).await;
        held.extend(done.map_err(faults::store)?);
    }
    unsent.retain(|(due, _)| held.contains(&due.lease.job_id));
    Ok(())
}

/// Ends deliveries to webhooks to which nothing is sent any more.
async fn end_unsent(tx: &mut Tx, unsent: &[(Due, Over)], now: Timestamp) -> Result<(), Fault> {
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
async fn settle_jobs(
    tx: &mut Tx,
    attempted: &[(Due, Attempt, AttemptOutcome)],
) -> Result<HashSet<JobId>, Fault> {
    let mut held = HashSet::new();
    let mut done = Vec::new();
    for (due, _, outcome) in attempted {
        let lease = &due.lease;
        match outcome {
            AttemptOutcome::RetryAt(at) => {
                let put_off = tx.jobs().retry_at(lease.job_id, &lease.worker, *at).await;
                if put_off.map_err(faults::store)? {
                    held.insert(lease.job_id);
                }
            }
            AttemptOutcome::Succeeded | AttemptOutcome::Failed { .. } => done.push(lease),
        }
    }
    for (worker, ids) in by_worker(done.into_iter()) {
        let completed = tx.jobs().complete_all(Held { worker, ids: &ids }).await;
        held.extend(completed.map_err(faults::store)?);
    }
    Ok(held)
}

/// Notes when the secrets of each organization were used last.
async fn note_secrets(
    tx: &mut Tx,
    attempted: &[(Due, Attempt, AttemptOutcome)],
) -> Result<(), Fault> {
    let mut used: HashMap<OrgId, Timestamp> = HashMap::new();
    for (due, attempt, _) in attempted {
        if due.signing.uses_callback_secrets() {
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
    delivered: Vec<(Due, Attempt, AttemptOutcome)>,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut by_secret: HashMap<Option<CallbackSecretId>, Vec<DeliveryId>> = HashMap::new();
    for (due, ..) in &delivered {
        let with = by_secret.entry(due.signing.current).or_default();
        with.push(due.delivery.id);
    }
    let mut numbers = HashMap::new();
    for (secret, ids) in by_secret {
        let ended = tx.deliveries().succeed(&ids, secret, now).await;
        numbers.extend(ended.map_err(faults::store)?);
    }
    let attempts: Vec<(OrgId, Attempt)> = delivered
        .into_iter()
        .filter_map(|(due, mut attempt, _)| {
            attempt.attempt_number = *numbers.get(&due.delivery.id)?;
            Some((due.delivery.org_id, attempt))
        })
        .collect();
    tx.deliveries()
        .insert_attempts(&attempts)
        .await
        .map_err(faults::store)
}

async fn record_failed(
    tx: &mut Tx,
    due: &Due,
    attempt: &Attempt,
    outcome: &AttemptOutcome,
    now: Timestamp,
) -> Result<(), Fault> {
    let delivery = &due.delivery;
    if due.signing.current != delivery.signing_secret_id {
        tx.deliveries()
            .note_signed(delivery.org_id, delivery.id, due.signing.current)
            .await
            .map_err(faults::store)?;
    }
    tx.deliveries()
        .record_attempt(delivery.org_id, attempt, outcome, now)
        .await
        .map_err(faults::store)
        .map(drop)
}
