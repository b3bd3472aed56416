//! Deliveries taken up, put back and delivered many at a time.
//!
//! The deliverer serves every organization at once, so these statements name
//! deliveries alone; the jobs that it holds say whose they are, and it keeps to
//! that.

use std::collections::HashMap;

use runnel_types::{Attempt, CallbackSecretId, Delivery, DeliveryId, OrgId, Timestamp};

use super::{ATTEMPTS, Deliveries, TABLE, decode};
use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Statement, all, changed};
use crate::sets;
use crate::tx::Tx;

impl Deliveries<&mut Tx> {
    /// Says that an attempt of each is being made, and answers with those that have
    /// not ended. One that is marked already stays so: its last worker died.
    pub async fn take_up(
        &mut self,
        ids: &[DeliveryId],
        at: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut taken = Vec::with_capacity(ids.len());
        for set in sets::of(ids) {
            let (ids, args) = sets::words(Args::new().time(at), 1, set);
            let sql = format!(
                concat!(
                    "UPDATE deliveries SET status = 'delivering', updated_at = $1
                    WHERE id IN ({}) AND status IN ('pending', 'delivering')
                    RETURNING ",
                    columns!()
                ),
                ids
            );
            taken.extend(all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await?);
        }
        Ok(taken)
    }

    /// Says that no attempt is being made after all, and none before `next`.
    pub async fn put_back(
        &mut self,
        ids: &[DeliveryId],
        next: Timestamp,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for set in sets::of(ids) {
            let (ids, args) = sets::words(Args::new().time(at).time(next), 2, set);
            let sql = format!(
                "UPDATE deliveries SET status = 'pending', next_attempt_at = $2, updated_at = $1
                WHERE id IN ({ids}) AND status = 'delivering'"
            );
            changed(&mut self.0, Statement::composed(TABLE, sql, args)).await?;
        }
        Ok(())
    }

    /// Ends deliveries whose receivers have them, signed with `secret` at last;
    /// answers with the number of the attempt of each that had not ended before.
    pub async fn succeed(
        &mut self,
        ids: &[DeliveryId],
        secret: Option<CallbackSecretId>,
        at: Timestamp,
    ) -> Result<HashMap<DeliveryId, u32>, StoreError> {
        let mut numbers = HashMap::with_capacity(ids.len());
        for set in sets::of(ids) {
            let args = Args::new().time(at).opt_word(secret);
            let (ids, args) = sets::words(args, 2, set);
            let sql = format!(
                "UPDATE deliveries SET
                    status = 'succeeded',
                    attempt_count = attempt_count + 1,
                    next_attempt_at = NULL,
                    completed_at = $1,
                    failure_reason_code = NULL,
                    failure_detail = NULL,
                    signing_secret_id = $2,
                    updated_at = $1
                WHERE id IN ({ids}) AND status IN ('pending', 'delivering')
                RETURNING id, attempt_count"
            );
            let statement = Statement::composed(TABLE, sql, args);
            numbers.extend(all(&mut self.0, statement, number).await?);
        }
        Ok(numbers)
    }

    /// Adds attempts, with the numbers that they have.
    pub async fn insert_attempts(
        &mut self,
        attempts: &[(OrgId, Attempt)],
    ) -> Result<(), StoreError> {
        for set in sets::whole(attempts) {
            let sql = format!(
                concat!(
                    "INSERT INTO delivery_attempts (",
                    attempt_columns!(),
                    ", org_id) VALUES {}"
                ),
                sets::rows(set.len(), 9)
            );
            let args = set
                .iter()
                .fold(Args::new(), |args, (org, attempt)| row(args, *org, attempt));
            changed(&mut self.0, Statement::composed(ATTEMPTS, sql, args)).await?;
        }
        Ok(())
    }
}

fn number(row: &Row) -> Result<(DeliveryId, u32), StoreError> {
    Ok((row.word("id")?, row.number("attempt_count")?))
}

/// The columns of an attempt's row.
fn row(args: Args, org: OrgId, attempt: &Attempt) -> Args {
    args.word(attempt.id)
        .word(attempt.delivery_id)
        .int(i64::from(attempt.attempt_number))
        .opt_int(attempt.status_code.map(i64::from))
        .opt_text(attempt.response_body.as_deref())
        .opt_int(attempt.response_time_ms)
        .opt_text(attempt.error_message.as_deref())
        .time(attempt.created_at)
        .word(org)
}
