//! Attempts a delivery once, and records what came of it.

use std::time::Duration;

use bytes::Bytes;
use runnel_egress::{Answer, EgressError, Post};
use runnel_store::deliveries::AttemptOutcome;
use runnel_types::{
    Attempt, Delivery, DeliveryId, DeliverySubject, Fault, OrgId, RequestId, Timestamp,
};

use super::schedule::pause_after;
use super::sign::{Signed, signed_by};
use crate::runs::Lease;
use crate::{Services, faults};

/// How long a receiver may take. SPEC: runs.md, "Callbacks".
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How much of a receiver's answer is kept, in bytes.
const KEPT_ANSWER: usize = 4096;

/// Why a delivery ends that its receiver wants no more of.
pub(crate) const GONE: &str = "GONE";

/// Why a delivery ends without an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// A stable word.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) detail: String,
}

/// How an attempt went, for whoever keeps the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// The outcome is recorded, and with it the end of the job or its next time.
    Recorded,
    /// The delivery had ended before; only the job is left to be removed.
    Stale,
}

impl Services {
    /// Sends a delivery once, on behalf of a job.
    ///
    /// # Errors
    /// When the database fails; the job is then tried again.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the job leased: the attempt is made again,
    /// and the receiver may see it twice.
    pub async fn attempt_delivery(
        &self,
        org: OrgId,
        id: DeliveryId,
        lease: &Lease,
    ) -> Result<Attempted, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let delivery = tx
            .deliveries()
            .mark_delivering(org, id, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        let Some(mut delivery) = delivery else {
            return Ok(Attempted::Stale);
        };
        let started = self.now();
        let name = id.to_string();
        let webhook = delivery.subject.webhook().map(|event| event.webhook_id);
        let signed = match webhook {
            Some(webhook) => match self.aim_at_webhook(org, webhook).await? {
                Ok(target) => {
                    delivery.callback_url = target.url;
                    signed_by(&target.secret, &name, started, &delivery.payload)
                }
                Err(over) => return self.end_unsent(org, id, &over, lease).await,
            },
            None => self.sign(org, &name, started, &delivery.payload).await?,
        };
        let current = signed.current;
        let uses_callback_secrets = webhook.is_none() && !signed.headers.is_empty();
        let result = self.send(&delivery, started, signed).await;
        let number = delivery.attempt_count + 1;
        let attempt = self.describe(&delivery, number, started, &result);
        let mut outcome = self.judge(&delivery, number, &result);

        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the webhook decides what follows, and is held before the delivery
        // by everyone. Without the lease nothing of it is committed.
        if let Some(webhook) = webhook {
            outcome = self
                .note_webhook_attempt(&mut tx, (org, webhook), outcome, started)
                .await?;
        }
        // ORDER: the lease first; a worker that lost it must not write.
        let held = match &outcome {
            AttemptOutcome::RetryAt(at) => {
                tx.jobs().retry_at(lease.job_id, &lease.worker, *at).await
            }
            _ => tx.jobs().complete(lease.job_id, &lease.worker).await,
        };
        if !held.map_err(faults::store)? {
            return Ok(Attempted::Stale);
        }
        if current != delivery.signing_secret_id {
            tx.deliveries()
                .note_signed(org, id, current)
                .await
                .map_err(faults::store)?;
        }
        if uses_callback_secrets {
            tx.callback_secrets()
                .note_used(org, started)
                .await
                .map_err(faults::store)?;
        }
        tx.deliveries()
            .record_attempt(org, &attempt, &outcome, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        tracing::info!(
            delivery.id = %id,
            run.id = delivery.subject.run().map(tracing::field::display),
            batch.id = delivery.subject.batch().map(tracing::field::display),
            webhook.id = webhook.map(tracing::field::display),
            attempt = number,
            status = attempt.status_code,
            error = attempt.error_message,
            "delivery attempted"
        );
        Ok(Attempted::Recorded)
    }

    /// Ends a delivery that is not sent any more.
    async fn end_unsent(
        &self,
        org: OrgId,
        id: DeliveryId,
        over: &Over,
        lease: &Lease,
    ) -> Result<Attempted, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let is_held = tx.jobs().complete(lease.job_id, &lease.worker).await;
        if !is_held.map_err(faults::store)? {
            return Ok(Attempted::Stale);
        }
        tx.deliveries()
            .give_up(org, id, (over.code, &over.detail), self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(Attempted::Recorded)
    }

    async fn send(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        signed: Signed,
    ) -> Result<Answer, EgressError> {
        let request_id: RequestId = self.ids.next();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("runflow-request-id".to_owned(), request_id.to_string()),
            ("webhook-id".to_owned(), delivery.id.to_string()),
            ("webhook-timestamp".to_owned(), now.as_seconds().to_string()),
        ];
        headers.extend(signed.headers);
        self.egress
            .post(Post {
                url: delivery.callback_url.clone(),
                headers,
                body: Bytes::from(delivery.payload.clone()),
                timeout: TIME_LIMIT,
                max_response_bytes: KEPT_ANSWER,
                purpose: match delivery.subject {
                    DeliverySubject::Webhook(_) => "webhook",
                    DeliverySubject::Run(_) | DeliverySubject::Batch(_) => "callback",
                },
            })
            .await
    }

    fn describe(
        &self,
        delivery: &Delivery,
        number: u32,
        at: Timestamp,
        result: &Result<Answer, EgressError>,
    ) -> Attempt {
        let answer = result.as_ref().ok();
        Attempt {
            id: self.ids.next(),
            delivery_id: delivery.id,
            attempt_number: number,
            status_code: answer.map(|answer| answer.status),
            // NUL cannot be stored as text by every database.
            response_body: answer
                .map(|answer| String::from_utf8_lossy(&answer.body).replace('\0', "\u{fffd}")),
            response_time_ms: answer
                .map(|answer| i64::try_from(answer.elapsed.as_millis()).unwrap_or(i64::MAX)),
            error_message: result.as_ref().err().map(ToString::to_string),
            created_at: at,
        }
    }

    fn judge(
        &self,
        delivery: &Delivery,
        number: u32,
        result: &Result<Answer, EgressError>,
    ) -> AttemptOutcome {
        let (code, detail) = match result {
            Ok(answer) if (200..300).contains(&answer.status) => return AttemptOutcome::Succeeded,
            Ok(answer) if answer.status == 410 => {
                let detail = "the receiver answered 410: it wants no more of these".to_owned();
                return AttemptOutcome::Failed {
                    code: GONE.to_owned(),
                    detail,
                };
            }
            Ok(answer) => (
                "HTTP_STATUS",
                format!("the receiver answered {}", answer.status),
            ),
            Err(error) => (error.code(), error.to_string()),
        };
        let mut random = [0_u8; 1];
        self.ids.fill(&mut random);
        match pause_after(number, random[0]).filter(|_| number < delivery.max_attempts) {
            Some(pause) => AttemptOutcome::RetryAt(self.now().plus(pause)),
            None => AttemptOutcome::Failed {
                code: code.to_owned(),
                detail: format!("given up after {number} attempts; the last one: {detail}"),
            },
        }
    }
}
