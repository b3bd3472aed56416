//! The deliveries of webhooks: their lists, their redeliveries, and their end with
//! their webhook.

use std::collections::HashMap;

use runnel_types::list::{ListRequest, Place};
use runnel_types::{Attempt, Delivery, DeliveryId, OrgId, Page, Timestamp, WebhookId};

use super::{ATTEMPTS, Deliveries, TABLE, decode, decode_attempt};
use crate::column::Args;
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;

/// The most ids of one statement; more are asked for in several.
const MOST_IDS: usize = 128;

/// The deliveries of a webhook, or of all of an organization's, deleted ones too.
pub(crate) fn rows(org: OrgId, webhook: Option<WebhookId>) -> Rows {
    let args = Args::new().word(org);
    let (visible, args, arg_count) = match webhook {
        Some(webhook) => ("org_id = $1 AND webhook_id = $2", args.word(webhook), 2),
        None => ("org_id = $1 AND webhook_id IS NOT NULL", args, 1),
    };
    Rows {
        table: TABLE,
        columns: columns!(),
        visible,
        args,
        arg_count,
    }
}

impl<E: Reader> Deliveries<E> {
    /// A page of the deliveries of a webhook, or of all of the organization's.
    pub async fn list_of_webhook(
        &mut self,
        org: OrgId,
        webhook: Option<WebhookId>,
        request: &ListRequest,
    ) -> Result<Page<Delivery, Place>, StoreError> {
        query::list(&mut self.0, rows(org, webhook), request, decode).await
    }

    /// The attempts of some deliveries, each delivery's in order.
    pub async fn attempts_of(
        &mut self,
        org: OrgId,
        ids: &[DeliveryId],
    ) -> Result<HashMap<DeliveryId, Vec<Attempt>>, StoreError> {
        let mut found: HashMap<DeliveryId, Vec<Attempt>> = HashMap::new();
        for some in ids.chunks(MOST_IDS) {
            // Powers of two, the last id repeated, so that few texts are prepared.
            let count = some.len().next_power_of_two();
            let numbers: Vec<String> = (2..count + 2).map(|number| format!("${number}")).collect();
            // Index: that of delivery_attempts' UNIQUE.
            let sql = format!(
                concat!(
                    "SELECT ",
                    attempt_columns!(),
                    " FROM delivery_attempts WHERE org_id = $1 AND delivery_id IN ({})
                    ORDER BY delivery_id, attempt_number"
                ),
                numbers.join(", ")
            );
            let padding = std::iter::repeat_n(&some[some.len() - 1], count - some.len());
            let args = some
                .iter()
                .chain(padding)
                .fold(Args::new().word(org), Args::word);
            let statement = Statement::composed(ATTEMPTS, sql, args);
            for attempt in all(&mut self.0, statement, decode_attempt).await? {
                found.entry(attempt.delivery_id).or_default().push(attempt);
            }
        }
        Ok(found)
    }

    /// Whether the delivery `first` of an event, or one that repeats it, has not
    /// ended.
    pub async fn is_event_under_way(
        &mut self,
        org: OrgId,
        first: DeliveryId,
    ) -> Result<bool, StoreError> {
        let args = Args::new().word(org).word(first);
        let statement = Statement::new(TABLE, EVENT_UNDER_WAY, args);
        let found = all(&mut self.0, statement, |row| row.word::<DeliveryId>("id"));
        found.await.map(|found| !found.is_empty())
    }
}

/// Index: the primary key and `deliveries_again`.
pub(crate) const EVENT_UNDER_WAY: &str = "SELECT id FROM deliveries
    WHERE org_id = $1 AND (id = $2 OR redelivery_of = $2)
        AND status IN ('pending', 'delivering')
    LIMIT 1";

/// Index: `deliveries_pending_by_webhook`.
pub(crate) const PENDING: &str = "SELECT id FROM deliveries
    WHERE org_id = $1 AND webhook_id = $2 AND status = 'pending'
    LIMIT $3";

impl Deliveries<&mut Tx> {
    /// Keeps every other transaction from changing the delivery until this one
    /// ends; says whether there is such a delivery.
    pub async fn lock(&mut self, org: OrgId, id: DeliveryId) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT id FROM deliveries WHERE org_id = $1 AND id = $2{}",
            self.0.dialect().for_no_key_update()
        );
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Gives at most `limit` deliveries of a webhook up that wait for an attempt;
    /// says how many. One that is being attempted, or claimed just now, is left to its
    /// worker; nobody waits here for a row, as whoever claims has others already.
    pub async fn give_up_pending(
        &mut self,
        org: OrgId,
        webhook: WebhookId,
        (code, detail): (&str, &str),
        at: Timestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let lock = self.0.dialect().for_update_skip_locked();
        // Materialized, as a claim of jobs is.
        let sql = format!(
            "WITH waiting AS MATERIALIZED ({PENDING}{lock})
            UPDATE deliveries SET
                status = 'failed',
                failure_reason_code = $4,
                failure_detail = $5,
                next_attempt_at = NULL,
                completed_at = $6,
                updated_at = $6
            WHERE status = 'pending' AND id IN (SELECT id FROM waiting)
            RETURNING id"
        );
        let args = Args::new()
            .word(org)
            .word(webhook)
            .int(limit)
            .text(code)
            .text(detail)
            .time(at);
        changed(&mut self.0, Statement::composed(TABLE, sql, args).lengthy()).await
    }

    /// Gives a delivery up without another attempt. `None` when there is no such
    /// delivery, or it has ended.
    pub async fn give_up(
        &mut self,
        org: OrgId,
        id: DeliveryId,
        (code, detail): (&str, &str),
        at: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let sql = concat!(
            "UPDATE deliveries SET
                status = 'failed',
                failure_reason_code = $3,
                failure_detail = $4,
                next_attempt_at = NULL,
                completed_at = $5,
                updated_at = $5
            WHERE org_id = $1 AND id = $2 AND status IN ('pending', 'delivering')
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(id)
            .text(code)
            .text(detail)
            .time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}
