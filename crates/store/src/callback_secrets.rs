//! Secrets that sign callbacks. The secret itself comes here encrypted alone.

use std::time::Duration;

use runnel_types::list::{ListRequest, Place};
use runnel_types::{CallbackSecret, CallbackSecretId, OrgId, Page, Timestamp};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "callback_secrets";

macro_rules! columns {
    () => {
        "id, org_id, key_prefix, label, is_current, created_by, disabled_at, last_used_at, created_at, updated_at"
    };
}

/// How exact the time of the last use is: busy receivers must not cost a write
/// for each callback.
const USE_STEP: Duration = Duration::from_mins(1);

/// Statements on `callback_secrets`.
#[derive(Debug)]
pub struct CallbackSecrets<E>(pub(crate) E);

impl<E: Reader> CallbackSecrets<E> {
    /// The secret, retired or not.
    pub async fn get(
        &mut self,
        org: OrgId,
        id: CallbackSecretId,
    ) -> Result<Option<CallbackSecret>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM callback_secrets WHERE org_id = $1 AND id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// A page of the organization's secrets, retired ones too.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<CallbackSecret, Place>, StoreError> {
        let rows = Rows::of(org, TABLE, columns!(), "org_id = $1");
        query::list(&mut self.0, rows, request, decode).await
    }

    /// The secrets that sign, the current one first and then the newest, each
    /// in its encrypted form.
    pub async fn live(&mut self, org: OrgId) -> Result<Vec<(CallbackSecret, String)>, StoreError> {
        // Index: callback_secrets_by_org.
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", sealed FROM callback_secrets
            WHERE org_id = $1 AND disabled_at IS NULL
            ORDER BY is_current DESC, created_at DESC, id"
        );
        let decode = |row: &Row| Ok((decode(row)?, row.text("sealed")?));
        all(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org)),
            decode,
        )
        .await
    }
}

impl CallbackSecrets<&mut Tx> {
    /// Adds a secret in its encrypted form.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken, or when it is current and
    /// the organization has a current one.
    pub async fn insert(
        &mut self,
        secret: &CallbackSecret,
        sealed: &str,
    ) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO callback_secrets (",
            columns!(),
            ", sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        );
        let args = Args::new()
            .word(secret.id)
            .word(secret.org_id)
            .text(&secret.key_prefix)
            .opt_text(secret.label.as_deref())
            .int(i64::from(secret.is_current))
            .opt_word(secret.created_by)
            .opt_time(secret.disabled_at)
            .opt_time(secret.last_used_at)
            .time(secret.created_at)
            .time(secret.updated_at)
            .text(sealed);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Gives a live secret another label. `None` when there is no such secret.
    pub async fn relabel(
        &mut self,
        org: OrgId,
        id: CallbackSecretId,
        label: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<CallbackSecret>, StoreError> {
        let sql = concat!(
            "UPDATE callback_secrets SET label = $3, updated_at = $4
            WHERE org_id = $1 AND id = $2
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).opt_text(label).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Makes a live secret the current one, in the place of the one that is.
    /// `None` when there is no such secret, or it is retired; drop the
    /// transaction then.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another one becomes current at this moment.
    pub async fn promote(
        &mut self,
        org: OrgId,
        id: CallbackSecretId,
        at: Timestamp,
    ) -> Result<Option<CallbackSecret>, StoreError> {
        // ORDER: an organization has one current secret at most, so the old one
        // steps down first.
        let sql = "UPDATE callback_secrets SET is_current = 0, updated_at = $3
            WHERE org_id = $1 AND is_current = 1 AND id <> $2";
        let args = Args::new().word(org).word(id).time(at);
        changed(&mut self.0, Statement::new(TABLE, sql, args)).await?;
        let sql = concat!(
            "UPDATE callback_secrets SET is_current = 1, updated_at = $3
            WHERE org_id = $1 AND id = $2 AND disabled_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Retires a secret; one that was retired before keeps its time. `None`
    /// when there is no such secret.
    pub async fn disable(
        &mut self,
        org: OrgId,
        id: CallbackSecretId,
        at: Timestamp,
    ) -> Result<Option<CallbackSecret>, StoreError> {
        let sql = concat!(
            "UPDATE callback_secrets SET
                disabled_at = COALESCE(disabled_at, $3), is_current = 0, updated_at = $3
            WHERE org_id = $1 AND id = $2
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Notes that the organization's live secrets signed something, to the
    /// minute.
    pub async fn note_used(&mut self, org: OrgId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE callback_secrets SET last_used_at = $2
            WHERE org_id = $1 AND disabled_at IS NULL
                AND (last_used_at IS NULL OR last_used_at <= $3)";
        let args = Args::new().word(org).time(at).time(at.minus(USE_STEP));
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }
}

fn decode(row: &Row) -> Result<CallbackSecret, StoreError> {
    Ok(CallbackSecret {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        key_prefix: row.text("key_prefix")?,
        label: row.opt_text("label")?,
        is_current: row.int("is_current")? != 0,
        created_by: row.opt_word("created_by")?,
        disabled_at: row.opt_time("disabled_at")?,
        last_used_at: row.opt_time("last_used_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
