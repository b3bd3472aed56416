//! Attempts a delivery once, and records what came of it.

use bytes::Bytes;
use runnel_egress::{Answer, EgressError, Post};
use runnel_store::deliveries::AttemptOutcome;
use runnel_types::{Attempt, Delivery, DeliveryId, Fault, OrgId, RequestId, Timestamp};

use super::answer;
use super::schedule::pause_after;
use super::sign::Signed;
use crate::runs::Lease;
use crate::{Services, faults};

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
        let Some(delivery) = delivery else {
            return Ok(Attempted::Stale);
        };
        let started = self.now();
        let signed = self
            .sign(org, &id.to_string(), started, &delivery.payload)
            .await?;
        let current = signed.current;
        let is_signed = !signed.headers.is_empty();
        let result = self.send(&delivery, started, signed).await;
        let number = delivery.attempt_count + 1;
        let attempt = self.describe(&delivery, number, started, &result);
        let outcome = self.judge(&delivery, number, &result);

        let mut tx = self.store.begin().await.map_err(faults::store)?;
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
        if is_signed {
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
            attempt = number,
            status = attempt.status_code,
            error = attempt.error_message,
            "callback attempted"
        );
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
                timeout: self.limits.callback_timeout,
                max_response_bytes: answer::KEPT,
                purpose: "callback",
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
            response_body: answer.map(|answer| answer::readable(&answer.body)),
            response_time_ms: answer
                .map(|answer| i64::try_from(answer.elapsed.as_millis()).unwrap_or(i64::MAX)),
            error_message: match result {
                Ok(answer) => answer.broken_off.clone(),
                Err(error) => Some(error.to_string()),
            },
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
                    code: "GONE".to_owned(),
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
