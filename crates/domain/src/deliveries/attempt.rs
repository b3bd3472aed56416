//! Attempts a delivery once: signs it, sends it, and judges what came back.
//!
//! Nothing is written here; see [`super::record`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runnel_egress::{Answer, EgressError, Post};
use runnel_store::deliveries::AttemptOutcome;
use runnel_types::{Attempt, Delivery, DeliverySubject, RequestId, Timestamp};

use super::answer;
use super::due::{Course, Due, Over};
use super::schedule::pause_after;
use super::sign::Signing;
use crate::Services;
use crate::meters::Attempted;

/// Why a delivery ends that its receiver wants no more of.
pub(crate) const GONE: &str = "GONE";

/// How long a delivery waits whose secrets could not be read.
const UNREADABLE: Duration = Duration::from_secs(5);

/// What came of a delivery in hand, to be recorded.
#[derive(Debug)]
pub struct Finished {
    pub(super) due: Due,
    pub(super) end: End,
}

impl Finished {
    /// A delivery that is given back without an attempt, to be taken from `at` on.
    pub const fn put_back(due: Due, at: Timestamp) -> Self {
        Self {
            due,
            end: End::PutBack { at },
        }
    }

    /// Whether it was sent, or ended without.
    pub const fn is_progress(&self) -> bool {
        !matches!(self.end, End::PutBack { .. })
    }
}

#[derive(Debug)]
pub(super) enum End {
    /// It was not tried, and may be from then on.
    PutBack { at: Timestamp },
    /// Nothing is sent to its webhook any more.
    Over(Over),
    /// It was, or it was given up.
    Attempted {
        attempt: Attempt,
        outcome: AttemptOutcome,
    },
}

impl Services {
    /// Sends a delivery once, unless its receiver turned out to be away meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the job leased: the attempt is made again,
    /// and the receiver may see it twice.
    pub async fn attempt(&self, due: Due) -> Finished {
        let started = self.now();
        let signing = match &due.course {
            Course::Send(signing) => Arc::clone(signing),
            Course::GiveUp => return self.give_up(due, started),
            Course::Over(over) => {
                let end = End::Over(over.clone());
                return Finished { due, end };
            }
            Course::Wait => return Finished::put_back(due, started.plus(UNREADABLE)),
        };
        let receiver = due.receiver();
        if let Some(until) = self.circuits.open_until(&receiver, started) {
            return Finished::put_back(due, until);
        }
        let began = tokio::time::Instant::now();
        let result = self.send(&due.delivery, &signing, started).await;
        if is_away(&result) {
            self.circuits.failed(&receiver, self.now());
        } else if result.is_ok() {
            self.circuits.answered(&receiver);
        }
        let number = due.delivery.attempt_count + 1;
        let outcome = self.judge(number, due.delivery.max_attempts, &result);
        self.meters.attempted(ended(&outcome), began.elapsed());
        let attempt = self.describe(&due, number, started, &result);
        tell(&due, &attempt);
        Finished {
            due,
            end: End::Attempted { attempt, outcome },
        }
    }

    async fn send(
        &self,
        delivery: &Delivery,
        signing: &Signing,
        now: Timestamp,
    ) -> Result<Answer, EgressError> {
        let request_id: RequestId = self.ids.next();
        let id = delivery.id.to_string();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("runflow-request-id".to_owned(), request_id.to_string()),
            ("webhook-timestamp".to_owned(), now.as_seconds().to_string()),
        ];
        headers.extend(signing.headers(&id, now, &delivery.payload));
        headers.push(("webhook-id".to_owned(), id));
        self.egress
            .post(Post {
                url: delivery.callback_url.clone(),
                headers,
                body: Bytes::from(delivery.payload.clone()),
                timeout: self.limits.callback_timeout,
                max_response_bytes: answer::KEPT,
                purpose: match delivery.subject {
                    DeliverySubject::Webhook(_) => "webhook",
                    DeliverySubject::Run(_) | DeliverySubject::Batch(_) => "callback",
                },
            })
            .await
    }

    fn describe(
        &self,
        due: &Due,
        number: u32,
        at: Timestamp,
        result: &Result<Answer, EgressError>,
    ) -> Attempt {
        let answer = result.as_ref().ok();
        Attempt {
            id: self.ids.next(),
            delivery_id: due.delivery.id,
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
        number: u32,
        max_attempts: u32,
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
        match pause_after(number, random[0]).filter(|_| number < max_attempts) {
            Some(pause) => AttemptOutcome::RetryAt(self.now().plus(pause)),
            None => AttemptOutcome::Failed {
                code: code.to_owned(),
                detail: format!("given up after {number} attempts; the last one: {detail}"),
            },
        }
    }

    /// What has waited as long as its schedule spans for a receiver that is away
    /// ends, with that as its reason.
    fn give_up(&self, due: Due, at: Timestamp) -> Finished {
        let made = due.delivery.attempt_count;
        let attempt = Attempt {
            id: self.ids.next(),
            delivery_id: due.delivery.id,
            attempt_number: made + 1,
            status_code: None,
            response_body: None,
            response_time_ms: None,
            error_message: Some("not sent: the receiver has been away for a day".to_owned()),
            created_at: at,
        };
        let outcome = AttemptOutcome::Failed {
            code: "RECEIVER_AWAY".to_owned(),
            detail: format!(
                "given up after {made} attempts and a day in which the receiver answered nothing; send it again when it is back"
            ),
        };
        tell(&due, &attempt);
        Finished {
            due,
            end: End::Attempted { attempt, outcome },
        }
    }
}

/// Whether the receiver itself is the trouble: no answer, or one that says so. What
/// the guard refused was never asked.
fn is_away(result: &Result<Answer, EgressError>) -> bool {
    match result {
        Ok(answer) => answer.status >= 500 || answer.status == 429,
        Err(EgressError::InvalidUrl { .. } | EgressError::Refused { .. }) => false,
        Err(
            EgressError::Resolve { .. }
            | EgressError::Connect { .. }
            | EgressError::Tls { .. }
            | EgressError::Timeout { .. }
            | EgressError::Protocol { .. },
        ) => true,
    }
}

const fn ended(outcome: &AttemptOutcome) -> Attempted {
    match outcome {
        AttemptOutcome::Succeeded => Attempted::Succeeded,
        AttemptOutcome::RetryAt(_) => Attempted::Retried,
        AttemptOutcome::Failed { .. } => Attempted::Failed,
    }
}

/// A success is a line for who looks for it; there may be thousands a second.
fn tell(due: &Due, attempt: &Attempt) {
    let delivery = &due.delivery;
    let run = delivery.subject.run().map(tracing::field::display);
    let batch = delivery.subject.batch().map(tracing::field::display);
    let webhook = delivery.subject.webhook();
    let webhook = webhook.map(|event| tracing::field::display(event.webhook_id));
    if attempt
        .status_code
        .is_some_and(|status| (200..300).contains(&status))
    {
        tracing::debug!(
            delivery.id = %delivery.id,
            run.id = run,
            batch.id = batch,
            webhook.id = webhook,
            attempt = attempt.attempt_number,
            status = attempt.status_code,
            "delivered"
        );
    } else {
        tracing::info!(
            delivery.id = %delivery.id,
            run.id = run,
            batch.id = batch,
            webhook.id = webhook,
            attempt = attempt.attempt_number,
            status = attempt.status_code,
            error = attempt.error_message,
            "not delivered"
        );
    }
}
