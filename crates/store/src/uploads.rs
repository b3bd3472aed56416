//! Upload sessions: from the request for a URL to the confirmed asset.
//!
//! Each complete body has a storage key of its own. The row names the last one,
//! and what changes the row names the key that it expects, so that a PUT and a
//! confirmation at the same time agree on which bytes are meant.

use runnel_types::{AssetId, OrgId, Received, Timestamp, Upload};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "uploads";

macro_rules! columns {
    () => {
        "asset_id, org_id, filename, mime_type, size_bytes, expires_at, created_by, created_at, \
         received_key, received_size_bytes, received_sha256, confirmed_at"
    };
}

/// What became of a body that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is the upload's body now.
    Recorded {
        /// The storage key of the body that it replaces; nothing names that one any more.
        superseded: Option<String>,
    },
    /// The upload was confirmed with an earlier body; this one is not wanted.
    AlreadyConfirmed,
    /// There is no such upload.
    Gone,
}

/// Statements on `uploads`.
#[derive(Debug)]
pub struct Uploads<E>(pub(crate) E);

impl<E: Reader> Uploads<E> {
    /// The session.
    pub async fn get(&mut self, org: OrgId, id: AssetId) -> Result<Option<Upload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE org_id = $1 AND asset_id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// The session, for a storage URL. Takes no tenant: such a URL carries no
    /// key, its signature is what grants access, and it names the upload.
    pub async fn get_unscoped_for_url(
        &mut self,
        id: AssetId,
    ) -> Result<Option<Upload>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE asset_id = $1");
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(id)),
            decode,
        )
        .await
    }
}

impl<E: Reader> Uploads<E> {
    /// At most `limit` sessions of any organization that were not confirmed and
    /// whose URL expired before `before`. Takes no tenant: it is for the sweep.
    pub async fn list_expired_unscoped(
        &mut self,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<Upload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE confirmed_at IS NULL AND expires_at < $1
            ORDER BY expires_at, asset_id LIMIT $2"
        );
        let args = Args::new().time(before).int(limit);
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

impl<E: Reader> Uploads<E> {
    /// At most `limit` sessions of any organization with ids after `after` that
    /// were not confirmed, in the order of their ids. Takes no tenant: it is
    /// for holding the objects against the rows.
    pub async fn list_open_after_unscoped(
        &mut self,
        after: AssetId,
        limit: i64,
    ) -> Result<Vec<Upload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE asset_id > $1 AND confirmed_at IS NULL
            ORDER BY asset_id LIMIT $2"
        );
        let args = Args::new().word(after).int(limit);
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

impl Uploads<&mut Tx> {
    /// Adds a session.
    pub async fn insert(&mut self, upload: &Upload) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO uploads (",
            columns!(),
            ")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        );
        let received = upload.received.as_ref();
        let args = Args::new()
            .word(upload.asset_id)
            .word(upload.org_id)
            .text(&upload.filename)
            .text(&upload.mime_type)
            .size(upload.size_bytes)
            .time(upload.expires_at)
            .opt_word(upload.created_by)
            .time(upload.created_at)
            .opt_text(received.map(|received| received.storage_key.as_str()))
            .opt_int(
                received.map(|received| i64::try_from(received.size_bytes).unwrap_or(i64::MAX)),
            )
            .opt_text(received.map(|received| received.sha256.as_str()))
            .opt_time(upload.confirmed_at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// The session, which nobody else changes until the end of the transaction.
    pub async fn lock_for_update(
        &mut self,
        org: OrgId,
        id: AssetId,
    ) -> Result<Option<Upload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE org_id = $1 AND asset_id = $2"
        );
        let sql = format!("{sql}{}", self.0.dialect().for_update());
        optional(
            &mut self.0,
            Statement::composed(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// Makes `received` the session's body, unless it is confirmed.
    pub async fn record_received(
        &mut self,
        org: OrgId,
        id: AssetId,
        received: &Received,
    ) -> Result<Recorded, StoreError> {
        // The lock keeps the body named as superseded the one that is replaced.
        let Some(before) = self.lock_for_update(org, id).await? else {
            return Ok(Recorded::Gone);
        };
        if before.confirmed_at.is_some() {
            return Ok(Recorded::AlreadyConfirmed);
        }
        let sql = "UPDATE uploads
            SET received_key = $3, received_size_bytes = $4, received_sha256 = $5
            WHERE org_id = $1 AND asset_id = $2";
        let args = Args::new()
            .word(org)
            .word(id)
            .text(&received.storage_key)
            .opt_int(Some(i64::try_from(received.size_bytes).unwrap_or(i64::MAX)))
            .text(&received.sha256);
        changed(&mut self.0, Statement::new(TABLE, sql, args)).await?;
        let superseded = before.received.map(|received| received.storage_key);
        // The same body told twice replaces nothing.
        Ok(Recorded::Recorded {
            superseded: superseded.filter(|key| *key != received.storage_key),
        })
    }

    /// Confirms the session if its body is still the one under `storage_key`
    /// and nobody confirmed it before; says whether it did.
    pub async fn mark_confirmed(
        &mut self,
        org: OrgId,
        id: AssetId,
        at: Timestamp,
        storage_key: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE uploads SET confirmed_at = $3
            WHERE org_id = $1 AND asset_id = $2 AND received_key = $4 AND confirmed_at IS NULL
            RETURNING asset_id";
        let args = Args::new().word(org).word(id).time(at).text(storage_key);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Forgets the body under `storage_key`, so that the session waits for
    /// another one; says whether it did. A confirmed session keeps its body.
    pub async fn clear_received(
        &mut self,
        org: OrgId,
        id: AssetId,
        storage_key: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE uploads
            SET received_key = NULL, received_size_bytes = NULL, received_sha256 = NULL
            WHERE org_id = $1 AND asset_id = $2 AND received_key = $3 AND confirmed_at IS NULL
            RETURNING asset_id";
        let args = Args::new().word(org).word(id).text(storage_key);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Removes a session that was not confirmed; answers with it as it was in the
    /// end, when there was one.
    pub async fn remove_unconfirmed(
        &mut self,
        org: OrgId,
        id: AssetId,
    ) -> Result<Option<Upload>, StoreError> {
        let sql = concat!(
            "DELETE FROM uploads
            WHERE org_id = $1 AND asset_id = $2 AND confirmed_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Removes the session of an asset that is purged.
    pub async fn remove(&mut self, org: OrgId, id: AssetId) -> Result<(), StoreError> {
        let sql = "DELETE FROM uploads WHERE org_id = $1 AND asset_id = $2 RETURNING asset_id";
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }
}

fn decode(row: &Row) -> Result<Upload, StoreError> {
    let received = match row.opt_text("received_key")? {
        Some(storage_key) => Some(Received {
            storage_key,
            size_bytes: row.number("received_size_bytes")?,
            sha256: row.text("received_sha256")?,
        }),
        None => None,
    };
    Ok(Upload {
        asset_id: row.word("asset_id")?,
        org_id: row.word("org_id")?,
        filename: row.text("filename")?,
        mime_type: row.text("mime_type")?,
        size_bytes: row.number("size_bytes")?,
        expires_at: row.time("expires_at")?,
        created_by: row.opt_word("created_by")?,
        created_at: row.time("created_at")?,
        received,
        confirmed_at: row.opt_time("confirmed_at")?,
    })
}
