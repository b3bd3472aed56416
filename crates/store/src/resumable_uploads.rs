//! Uploads whose bytes arrive in pieces: how far each has come.
//!
//! Every change names the version that was read and makes it grow. So of two
//! requests that go on from the same place only one is recorded, whichever
//! process they reach.

use runnel_types::{AssetId, OrgId, ResumableUpload};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "resumable_uploads";

macro_rules! columns {
    () => {
        "asset_id, org_id, offset_bytes, progress, version"
    };
}

/// Statements on `resumable_uploads`.
#[derive(Debug)]
pub struct ResumableUploads<E>(pub(crate) E);

impl<E: Reader> ResumableUploads<E> {
    /// How far the upload has come; `None` when it is not a resumable one.
    pub async fn get(
        &mut self,
        org: OrgId,
        id: AssetId,
    ) -> Result<Option<ResumableUpload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM resumable_uploads WHERE org_id = $1 AND asset_id = $2"
        );
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

impl ResumableUploads<&mut Tx> {
    /// Makes an upload a resumable one, with nothing arrived yet.
    pub async fn insert(&mut self, org: OrgId, id: AssetId) -> Result<(), StoreError> {
        let sql = "INSERT INTO resumable_uploads (asset_id, org_id, offset_bytes, version)
            VALUES ($1, $2, 0, 1)";
        let args = Args::new().word(id).word(org);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Records `next`, whose version is the one that was read; says whether
    /// nobody else had changed the row since. The version grows by one.
    pub async fn record(&mut self, next: &ResumableUpload) -> Result<bool, StoreError> {
        let sql = "UPDATE resumable_uploads
            SET offset_bytes = $4, progress = $5, version = version + 1
            WHERE org_id = $1 AND asset_id = $2 AND version = $3
            RETURNING asset_id";
        let args = Args::new()
            .word(next.org_id)
            .word(next.asset_id)
            .int(next.version)
            .size(next.offset_bytes)
            .opt_text(next.progress.as_deref());
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Forgets what has arrived; answers with the row as it was.
    pub async fn reset(
        &mut self,
        org: OrgId,
        id: AssetId,
    ) -> Result<Option<ResumableUpload>, StoreError> {
        let Some(before) = self.end(org, id).await? else {
            return Ok(None);
        };
        let sql = "INSERT INTO resumable_uploads (asset_id, org_id, offset_bytes, version)
            VALUES ($1, $2, 0, $3)";
        let args = Args::new().word(id).word(org).int(before.version + 1);
        changed(&mut self.0, Statement::new(TABLE, sql, args)).await?;
        Ok(Some(before))
    }

    /// Removes the row: nothing more arrives in pieces. Answers with it.
    pub async fn end(
        &mut self,
        org: OrgId,
        id: AssetId,
    ) -> Result<Option<ResumableUpload>, StoreError> {
        let sql = concat!(
            "DELETE FROM resumable_uploads WHERE org_id = $1 AND asset_id = $2 RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

fn decode(row: &Row) -> Result<ResumableUpload, StoreError> {
    Ok(ResumableUpload {
        asset_id: row.word("asset_id")?,
        org_id: row.word("org_id")?,
        offset_bytes: row.number("offset_bytes")?,
        progress: row.opt_text("progress")?,
        version: row.int("version")?,
    })
}
