//! Callbacks and events for webhooks on their way, and the attempts made.

use std::collections::HashMap;

use runnel_types::{
    Attempt, CallbackSecretId, Delivery, DeliveryId, DeliveryStatus, DeliverySubject, OrgId,
    Timestamp, WebhookEvent,
};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "deliveries";
const ATTEMPTS: &str = "delivery_attempts";

macro_rules! columns {
    () => {
        "id, org_id, run_id, callback_url, payload, is_automatic, status, failure_reason_code, \
         failure_detail, attempt_count, max_attempts, next_attempt_at, created_at, updated_at, \
         completed_at, batch_id, signing_secret_id, webhook_id, event_type_code, redelivery_of"
    };
}

macro_rules! attempt_columns {
    () => {
        "id, delivery_id, attempt_number, status_code, response_body, response_time_ms, error_message, created_at"
    };
}

mod of_webhooks;
mod sets;

#[cfg(test)]
pub(crate) use of_webhooks::{EVENT_UNDER_WAY, PENDING, rows as rows_of_webhook};

/// What an attempt leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver has it.
    Succeeded,
    /// Another attempt is due at this time.
    RetryAt(Timestamp),
    /// Given up.
    Failed {
        /// A stable word for why.
        code: String,
        /// Why, for a person.
        detail: String,
    },
}

/// Statements on `deliveries` and `delivery_attempts`.
#[derive(Debug)]
pub struct Deliveries<E>(pub(crate) E);

impl<E: Reader> Deliveries<E> {
    /// The delivery.
    pub async fn get(
        &mut self,
        org: OrgId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM deliveries WHERE org_id = $1 AND id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// The deliveries to the callback of `subject`, oldest first, each with
    /// its attempts in order.
    pub async fn list_for(
        &mut self,
        org: OrgId,
        subject: DeliverySubject,
    ) -> Result<Vec<(Delivery, Vec<Attempt>)>, StoreError> {
        let deliveries = all(&mut self.0, list_statement(org, subject), decode).await?;
        let (column, args) = of_subject(org, subject);
        let sql = format!(
            concat!(
                "SELECT ",
                attempt_columns!(),
                " FROM delivery_attempts
                WHERE delivery_id IN (SELECT id FROM deliveries WHERE org_id = $1 AND {} = $2)
                ORDER BY delivery_id, attempt_number"
            ),
            column
        );
        let mut attempts: HashMap<DeliveryId, Vec<Attempt>> = HashMap::new();
        for attempt in all(
            &mut self.0,
            Statement::composed(ATTEMPTS, sql, args),
            decode_attempt,
        )
        .await?
        {
            attempts
                .entry(attempt.delivery_id)
                .or_default()
                .push(attempt);
        }
        let with_attempts = |delivery: Delivery| {
            let made = attempts.remove(&delivery.id).unwrap_or_default();
            (delivery, made)
        };
        Ok(deliveries.into_iter().map(with_attempts).collect())
    }

    /// Whether a delivery that tells the end of `subject` has not ended.
    pub async fn is_under_way(
        &mut self,
        org: OrgId,
        subject: DeliverySubject,
    ) -> Result<bool, StoreError> {
        let (column, args) = of_subject(org, subject);
        let sql = format!(
            "SELECT id FROM deliveries
            WHERE org_id = $1 AND {column} = $2 AND status IN ('pending', 'delivering')
            LIMIT 1"
        );
        let found = all(&mut self.0, Statement::composed(TABLE, sql, args), |row| {
            row.word::<DeliveryId>("id")
        });
        found.await.map(|found| !found.is_empty())
    }

    /// The attempts of a delivery, in order.
    pub async fn list_attempts(
        &mut self,
        org: OrgId,
        id: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        let sql = concat!(
            "SELECT ",
            attempt_columns!(),
            " FROM delivery_attempts
            WHERE org_id = $1 AND delivery_id = $2
            ORDER BY attempt_number"
        );
        all(
            &mut self.0,
            Statement::new(ATTEMPTS, sql, Args::new().word(org).word(id)),
            decode_attempt,
        )
        .await
    }
}

impl Deliveries<&mut Tx> {
    /// Adds a delivery.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken or its subject does not exist.
    pub async fn insert(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO deliveries (",
            columns!(),
            ")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        );
        let webhook = delivery.subject.webhook();
        let args = Args::new()
            .word(delivery.id)
            .word(delivery.org_id)
            .opt_word(delivery.subject.run())
            .text(&delivery.callback_url)
            .text(&delivery.payload)
            .int(i64::from(delivery.is_automatic))
            .word(delivery.status)
            .opt_text(delivery.failure_reason_code.as_deref())
            .opt_text(delivery.failure_detail.as_deref())
            .int(i64::from(delivery.attempt_count))
            .int(i64::from(delivery.max_attempts))
            .opt_time(delivery.next_attempt_at)
            .time(delivery.created_at)
            .time(delivery.updated_at)
            .opt_time(delivery.completed_at)
            .opt_word(delivery.subject.batch())
            .opt_word(delivery.signing_secret_id)
            .opt_word(webhook.map(|event| event.webhook_id))
            .opt_word(webhook.map(|event| event.event_type))
            .opt_word(webhook.and_then(|event| event.redelivery_of));
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Notes with which secret the delivery was signed, if with any.
    pub async fn note_signed(
        &mut self,
        org: OrgId,
        id: DeliveryId,
        secret: Option<CallbackSecretId>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE deliveries SET signing_secret_id = $3 WHERE org_id = $1 AND id = $2";
        let args = Args::new().word(org).word(id).opt_word(secret);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Records an attempt and what it leads to. `None` when there is no such
    /// delivery, or it had ended before; then nothing is written.
    ///
    /// The attempt's number is assigned here, one more than that of the last;
    /// the one in `attempt` is not looked at.
    pub async fn record_attempt(
        &mut self,
        org: OrgId,
        attempt: &Attempt,
        outcome: &AttemptOutcome,
        at: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let (status, next, ended, code, detail) = match outcome {
            AttemptOutcome::Succeeded => (DeliveryStatus::Succeeded, None, Some(at), None, None),
            AttemptOutcome::RetryAt(next) => {
                (DeliveryStatus::Pending, Some(*next), None, None, None)
            }
            AttemptOutcome::Failed { code, detail } => (
                DeliveryStatus::Failed,
                None,
                Some(at),
                Some(code.as_str()),
                Some(detail.as_str()),
            ),
        };
        let sql = concat!(
            "UPDATE deliveries SET
                status = $3,
                attempt_count = attempt_count + 1,
                next_attempt_at = $4,
                completed_at = $5,
                failure_reason_code = $6,
                failure_detail = $7,
                updated_at = $8
            WHERE org_id = $1 AND id = $2 AND status IN ('pending', 'delivering')
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(attempt.delivery_id)
            .word(status)
            .opt_time(next)
            .opt_time(ended)
            .opt_text(code)
            .opt_text(detail)
            .time(at);
        let Some(delivery) =
            optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await?
        else {
            return Ok(None);
        };
        let attempt = Attempt {
            attempt_number: delivery.attempt_count,
            ..attempt.clone()
        };
        self.insert_attempts(&[(org, attempt)]).await?;
        Ok(Some(delivery))
    }
}

/// The column that names `subject`, and the parameters of statements on it.
fn of_subject(org: OrgId, subject: DeliverySubject) -> (&'static str, Args) {
    let args = Args::new().word(org);
    match subject {
        DeliverySubject::Run(run) => ("run_id", args.word(run)),
        DeliverySubject::Batch(batch) => ("batch_id", args.word(batch)),
        DeliverySubject::Webhook(event) => ("webhook_id", args.word(event.webhook_id)),
    }
}

/// The deliveries of `subject`. Index: `deliveries_by_run`, `deliveries_by_batch`,
/// `deliveries_by_webhook`.
pub(crate) fn list_statement(org: OrgId, subject: DeliverySubject) -> Statement {
    let (column, args) = of_subject(org, subject);
    let sql = format!(
        concat!(
            "SELECT ",
            columns!(),
            " FROM deliveries WHERE org_id = $1 AND {} = $2 ORDER BY created_at, id"
        ),
        column
    );
    Statement::composed(TABLE, sql, args)
}

fn decode(row: &Row) -> Result<Delivery, StoreError> {
    let subject = if let Some(webhook_id) = row.opt_word("webhook_id")? {
        DeliverySubject::Webhook(WebhookEvent {
            webhook_id,
            event_type: row.word("event_type_code")?,
            redelivery_of: row.opt_word("redelivery_of")?,
        })
    } else if let Some(batch) = row.opt_word("batch_id")? {
        DeliverySubject::Batch(batch)
    } else {
        DeliverySubject::Run(row.word("run_id")?)
    };
    Ok(Delivery {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        subject,
        callback_url: row.text("callback_url")?,
        payload: row.text("payload")?,
        is_automatic: row.int("is_automatic")? != 0,
        status: row.word("status")?,
        failure_reason_code: row.opt_text("failure_reason_code")?,
        failure_detail: row.opt_text("failure_detail")?,
        attempt_count: row.number("attempt_count")?,
        max_attempts: row.number("max_attempts")?,
        next_attempt_at: row.opt_time("next_attempt_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        completed_at: row.opt_time("completed_at")?,
        signing_secret_id: row.opt_word("signing_secret_id")?,
    })
}

fn decode_attempt(row: &Row) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        id: row.word("id")?,
        delivery_id: row.word("delivery_id")?,
        attempt_number: row.number("attempt_number")?,
        status_code: row.opt_number("status_code")?,
        response_body: row.opt_text("response_body")?,
        response_time_ms: row.opt_int("response_time_ms")?,
        error_message: row.opt_text("error_message")?,
        created_at: row.time("created_at")?,
    })
}
