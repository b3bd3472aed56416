//! Webhooks of organizations. A secret comes here encrypted alone.
//!
//! Whoever changes a webhook and its deliveries in one transaction takes the
//! webhook first.

use std::time::Duration;

use runnel_types::list::{ListRequest, Place};
use runnel_types::{EventType, OrgId, Page, Timestamp, Webhook, WebhookId};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, one, optional};
use crate::tx::Tx;

const TABLE: &str = "webhooks";

macro_rules! columns {
    () => {
        "id, org_id, name, url, event_types, secret_fingerprint, created_by, disabled_at, \
         disabled_reason, last_triggered_at, failing_since, created_at, updated_at, deleted_at"
    };
}

/// A column `has_webhooks` that says whether the organization `$org` has a live
/// webhook. Statements that write what webhooks hear of return it, so that an
/// organization without any pays no trip for them. Index: `webhooks_live`.
macro_rules! has_webhooks {
    ($org:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM webhooks WHERE webhooks.org_id = ",
            $org,
            " AND webhooks.deleted_at IS NULL AND webhooks.disabled_at IS NULL)
            THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS has_webhooks"
        )
    };
}
pub(crate) use has_webhooks;

/// A row that was written, and whether its organization has live webhooks, which
/// may want to hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The row as it is now.
    pub row: T,
    /// Whether there are webhooks to be asked for.
    pub has_webhooks: bool,
}

impl<T> Written<T> {
    pub(crate) fn decode(
        row: &Row,
        decode: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            row: decode(row)?,
            has_webhooks: row.int("has_webhooks")? != 0,
        })
    }
}

/// How exact the time of the last sending is: a busy webhook must not cost a
/// write for each delivery.
const TRIGGER_STEP: Duration = Duration::from_mins(1);

/// The webhooks of an organization that are not deleted.
pub(crate) fn rows(org: OrgId) -> Rows {
    Rows::of(org, TABLE, columns!(), "org_id = $1 AND deleted_at IS NULL")
}

/// What a person may change of a webhook, all of it as it is to be.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Where events go.
    pub url: &'a str,
    /// What it hears of; everything when there are none.
    pub event_types: &'a [EventType],
    /// Another secret, in its encrypted form, with its fingerprint.
    pub secret: Option<(&'a str, &'a str)>,
}

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearer {
    /// The webhook.
    pub id: WebhookId,
    /// Its URL.
    pub url: String,
}

/// Statements on `webhooks`.
#[derive(Debug)]
pub struct Webhooks<E>(pub(crate) E);

impl<E: Reader> Webhooks<E> {
    /// The webhook, unless it is deleted.
    pub async fn get(&mut self, org: OrgId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"
        );
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// The webhook, deleted or not, with its secret in its encrypted form.
    pub async fn get_sealed(
        &mut self,
        org: OrgId,
        id: WebhookId,
    ) -> Result<Option<(Webhook, String)>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", sealed FROM webhooks WHERE org_id = $1 AND id = $2"
        );
        let decode = |row: &Row| Ok((decode(row)?, row.text("sealed")?));
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// A page of the organization's webhooks that are not deleted.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<Webhook, Place>, StoreError> {
        query::list(&mut self.0, rows(org), request, decode).await
    }

    /// How many the organization has, deleted ones not counted.
    pub async fn count(&mut self, org: OrgId) -> Result<i64, StoreError> {
        // Index: webhooks_by_org.
        let sql = "SELECT COUNT(*) AS n FROM webhooks WHERE org_id = $1 AND deleted_at IS NULL";
        let statement = Statement::new(TABLE, sql, Args::new().word(org));
        one(&mut self.0, statement, |row| row.int("n")).await
    }

    /// The live webhooks that hear of such an event, in the order of their ids.
    pub async fn hearing(
        &mut self,
        org: OrgId,
        event: EventType,
    ) -> Result<Vec<Hearer>, StoreError> {
        let statement = Statement::new(TABLE, HEARING, Args::new().word(org).word(event));
        let decode = |row: &Row| {
            Ok(Hearer {
                id: row.word("id")?,
                url: row.text("url")?,
            })
        };
        all(&mut self.0, statement, decode).await
    }
}

/// Index: `webhooks_live`. No event type has a word of LIKE's own but the
/// underscore, which stands for itself too.
pub(crate) const HEARING: &str = "SELECT id, url FROM webhooks
    WHERE org_id = $1 AND deleted_at IS NULL AND disabled_at IS NULL
        AND (event_types = '' OR ' ' || event_types || ' ' LIKE '% ' || $2 || ' %')
    ORDER BY id";

impl Webhooks<&mut Tx> {
    /// Adds a webhook with its secret in its encrypted form.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken.
    pub async fn insert(&mut self, webhook: &Webhook, sealed: &str) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO webhooks (",
            columns!(),
            ", sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        );
        let args = Args::new()
            .word(webhook.id)
            .word(webhook.org_id)
            .opt_text(webhook.name.as_deref())
            .text(&webhook.url)
            .text(&words(&webhook.event_types))
            .text(&webhook.secret_fingerprint)
            .opt_word(webhook.created_by)
            .opt_time(webhook.disabled_at)
            .opt_text(webhook.disabled_reason.as_deref())
            .opt_time(webhook.last_triggered_at)
            .opt_time(webhook.failing_since)
            .time(webhook.created_at)
            .time(webhook.updated_at)
            .opt_time(webhook.deleted_at)
            .text(sealed);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Keeps every other transaction from changing the webhook until this one
    /// ends, and reads it, deleted or not.
    pub async fn lock(&mut self, org: OrgId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM webhooks WHERE org_id = $1 AND id = $2{}"
            ),
            self.0.dialect().for_no_key_update()
        );
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::composed(TABLE, sql, args), decode).await
    }

    /// Changes what a person may change. `None` when there is no such webhook,
    /// or it is deleted.
    pub async fn update(
        &mut self,
        org: OrgId,
        id: WebhookId,
        change: &Change<'_>,
        at: Timestamp,
    ) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "UPDATE webhooks SET
                name = $3,
                url = $4,
                event_types = $5,
                sealed = COALESCE($6, sealed),
                secret_fingerprint = COALESCE($7, secret_fingerprint),
                updated_at = $8
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(id)
            .opt_text(change.name)
            .text(change.url)
            .text(&words(change.event_types))
            .opt_text(change.secret.map(|(sealed, _)| sealed))
            .opt_text(change.secret.map(|(_, fingerprint)| fingerprint))
            .time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Disables a webhook; one that is disabled keeps its time and its reason.
    /// `None` when there is no such webhook, or it is deleted.
    pub async fn disable(
        &mut self,
        org: OrgId,
        id: WebhookId,
        reason: &str,
        at: Timestamp,
    ) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "UPDATE webhooks SET
                disabled_reason = CASE WHEN disabled_at IS NULL THEN $3 ELSE disabled_reason END,
                disabled_at = COALESCE(disabled_at, $4),
                updated_at = $4
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).text(reason).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Enables a webhook and forgets that it failed. `None` when there is no
    /// such webhook, or it is deleted.
    pub async fn enable(
        &mut self,
        org: OrgId,
        id: WebhookId,
        at: Timestamp,
    ) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "UPDATE webhooks SET
                disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, updated_at = $3
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Deletes a webhook for everybody's eyes, and its secret for good. `None`
    /// when there is no such webhook, or it is deleted already.
    pub async fn soft_delete(
        &mut self,
        org: OrgId,
        id: WebhookId,
        at: Timestamp,
    ) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "UPDATE webhooks SET deleted_at = $3, updated_at = $3, sealed = ''
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Notes that something was delivered; the time to the minute.
    pub async fn note_success(
        &mut self,
        org: OrgId,
        id: WebhookId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE webhooks SET last_triggered_at = $3, failing_since = NULL
            WHERE org_id = $1 AND id = $2
                AND (failing_since IS NOT NULL OR last_triggered_at IS NULL OR last_triggered_at <= $4)";
        let args = Args::new()
            .word(org)
            .word(id)
            .time(at)
            .time(at.minus(TRIGGER_STEP));
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Notes that an attempt failed, and holds the webhook until the commit,
    /// deleted or not. `None` when there is no such webhook.
    pub async fn note_failure(
        &mut self,
        org: OrgId,
        id: WebhookId,
        at: Timestamp,
    ) -> Result<Option<Webhook>, StoreError> {
        let sql = concat!(
            "UPDATE webhooks SET
                failing_since = COALESCE(failing_since, $3),
                last_triggered_at = CASE
                    WHEN last_triggered_at > $4 THEN last_triggered_at
                    ELSE $3
                END
            WHERE org_id = $1 AND id = $2
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(id)
            .time(at)
            .time(at.minus(TRIGGER_STEP));
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

/// Event types as they are stored.
fn words(types: &[EventType]) -> String {
    let words: Vec<&str> = types.iter().map(|one| one.as_str()).collect();
    words.join(" ")
}

fn decode(row: &Row) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        name: row.opt_text("name")?,
        url: row.text("url")?,
        event_types: row.words("event_types")?,
        secret_fingerprint: row.text("secret_fingerprint")?,
        created_by: row.opt_word("created_by")?,
        disabled_at: row.opt_time("disabled_at")?,
        disabled_reason: row.opt_text("disabled_reason")?,
        last_triggered_at: row.opt_time("last_triggered_at")?,
        failing_since: row.opt_time("failing_since")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.opt_time("deleted_at")?,
    })
}
