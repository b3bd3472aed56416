//! Assets. A deleted one keeps its row until it is purged.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{ApiKeyId, Asset, AssetId, DeletionId, FolderId, OrgId, Page, Timestamp};
use serde_json::Value;

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, one, optional};
use crate::tx::Tx;
use crate::webhooks::{Written, has_webhooks};

const TABLE: &str = "assets";

macro_rules! columns {
    () => {
        "id, org_id, folder_id, name, storage_key, thumbnail_key, mime_type, size_bytes, asset_type, \
         source_type, source_id, created_by, created_at, updated_at, deleted_at, deleted_by, width, \
         height, duration_ms, codec, frames, sha256, blurhash, metadata, \
         thumbnail_crc32"
    };
}

/// What a person may change of an asset: what is not given stays as it is, also
/// when somebody else changes that at the same moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// The folder that it lies in, or the top.
    pub folder_id: Option<Option<FolderId>>,
    /// Whatever its owner keeps with it, or nothing.
    pub metadata: Option<Option<&'a Value>>,
}

/// The most ids of one statement; more are asked for in several.
const MOST_IDS: usize = 256;

/// The assets of an organization that are not deleted.
pub(crate) fn rows(org: OrgId) -> Rows {
    Rows::of(org, TABLE, columns!(), "org_id = $1 AND deleted_at IS NULL")
}

/// Statements on `assets`.
#[derive(Debug)]
pub struct Assets<E>(pub(crate) E);

impl<E: Reader> Assets<E> {
    /// The asset, deleted or not: the caller decides what a deleted one means.
    pub async fn get(&mut self, org: OrgId, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM assets WHERE org_id = $1 AND id = $2"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// The asset, unless it is deleted.
    pub async fn get_live(&mut self, org: OrgId, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM assets WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// Those of `ids` that exist and are not deleted, in no order.
    pub async fn get_many_live(
        &mut self,
        org: OrgId,
        ids: &[AssetId],
    ) -> Result<Vec<Asset>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(MOST_IDS) {
            // Powers of two, the last id repeated, so that few texts are prepared.
            let count = some.len().next_power_of_two();
            let numbers: Vec<String> = (2..count + 2).map(|number| format!("${number}")).collect();
            let sql = format!(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM assets WHERE org_id = $1 AND deleted_at IS NULL AND id IN ({})"
                ),
                numbers.join(", ")
            );
            let padded = some.iter().chain(std::iter::repeat_n(
                &some[some.len() - 1],
                count - some.len(),
            ));
            let args = padded.fold(Args::new().word(org), Args::word);
            found.extend(all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await?);
        }
        Ok(found)
    }

    /// The asset, deleted or not, for a storage URL. Takes no tenant: such a
    /// URL carries no key, its signature is what grants access, and it names
    /// the asset.
    pub async fn get_for_url(&mut self, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM assets WHERE id = $1");
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(id)),
            decode,
        )
        .await
    }
}

impl<E: Reader> Assets<E> {
    /// A page of the organization's assets that are not deleted.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<Asset, Place>, StoreError> {
        query::list(&mut self.0, rows(org), request, decode).await
    }

    /// At most `limit` assets that went by a deletion and are still deleted, with
    /// ids after `after`, in the order of their ids.
    pub async fn list_deletion(
        &mut self,
        org: OrgId,
        deletion: DeletionId,
        after: Option<AssetId>,
        limit: i64,
    ) -> Result<Vec<Asset>, StoreError> {
        let args = Args::new()
            .word(org)
            .word(deletion)
            .word(after.unwrap_or(AssetId::from_u128(0)))
            .int(limit);
        let statement = Statement::new(TABLE, DELETION, args);
        all(&mut self.0, statement, decode).await
    }

    /// At most `limit` assets of any organization that were deleted before
    /// `before`, the longest deleted first. Takes no tenant: it is for the purge.
    pub async fn list_deleted_unscoped(
        &mut self,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<Asset>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM assets WHERE deleted_at IS NOT NULL AND deleted_at < $1
            ORDER BY deleted_at, id LIMIT $2"
        );
        let args = Args::new().time(before).int(limit);
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

impl<E: Reader> Assets<E> {
    /// At most `limit` assets of any organization with ids after `after`,
    /// deleted ones too, in the order of their ids. Takes no tenant: it is for
    /// holding the objects against the rows.
    pub async fn list_after_unscoped(
        &mut self,
        after: AssetId,
        limit: i64,
    ) -> Result<Vec<Asset>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM assets WHERE id > $1 ORDER BY id LIMIT $2"
        );
        let args = Args::new().word(after).int(limit);
        all(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

/// Index: `assets_by_deletion_id`.
pub(crate) const DELETION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM assets WHERE org_id = $1 AND deletion_id = $2 AND id > $3 ORDER BY id LIMIT $4"
);

impl Assets<&mut Tx> {
    /// Adds an asset; says whether its organization has live webhooks, which may
    /// want to hear of it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id is taken.
    pub async fn insert(&mut self, asset: &Asset) -> Result<bool, StoreError> {
        let sql = concat!(
            "INSERT INTO assets (", columns!(), ")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
            RETURNING ",
            has_webhooks!("$2")
        );
        let args = Args::new()
            .word(asset.id)
            .word(asset.org_id)
            .opt_word(asset.folder_id)
            .text(&asset.name)
            .text(&asset.storage_key)
            .opt_text(asset.thumbnail_key.as_deref())
            .text(&asset.mime_type)
            .size(asset.size_bytes)
            .word(asset.asset_type)
            .word(asset.source_type)
            .opt_text(asset.source_id.as_deref())
            .opt_word(asset.created_by)
            .time(asset.created_at)
            .time(asset.updated_at)
            .opt_time(asset.deleted_at)
            .opt_word(asset.deleted_by)
            .opt_int(asset.width.map(i64::from))
            .opt_int(asset.height.map(i64::from))
            .opt_int(asset.duration_ms)
            .opt_text(asset.codec.as_deref())
            .opt_int(asset.frames.map(i64::from))
            .opt_text(asset.sha256.as_deref())
            .opt_text(asset.blurhash.as_deref())
            .opt_json(asset.metadata.as_ref())
            .opt_int(asset.thumbnail_crc32.map(i64::from));
        let decode = |row: &Row| Ok(row.int("has_webhooks")? != 0);
        one(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Deletes the asset for everybody's eyes. `None` when there is no such
    /// asset, or it is deleted already.
    pub async fn soft_delete(
        &mut self,
        org: OrgId,
        id: AssetId,
        by: Option<ApiKeyId>,
        at: Timestamp,
    ) -> Result<Option<Written<Asset>>, StoreError> {
        let sql = concat!(
            "UPDATE assets SET deleted_at = $3, deleted_by = $4, updated_at = $3
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!(),
            ", ",
            has_webhooks!("$1")
        );
        let args = Args::new().word(org).word(id).time(at).opt_word(by);
        let decode = |row: &Row| Written::decode(row, decode);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Changes what a person may change. `None` when there is no such asset, or
    /// it is deleted.
    pub async fn update(
        &mut self,
        org: OrgId,
        id: AssetId,
        change: &Change<'_>,
        at: Timestamp,
    ) -> Result<Option<Asset>, StoreError> {
        let sql = concat!(
            "UPDATE assets SET updated_at = $3,
                name = COALESCE($4, name),
                folder_id = CASE $5 WHEN 1 THEN $6 ELSE folder_id END,
                metadata = CASE $7 WHEN 1 THEN $8 ELSE metadata END
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(id)
            .time(at)
            .opt_text(change.name)
            .opt_int(Some(change.folder_id.is_some().into()))
            .opt_word(change.folder_id.flatten())
            .opt_int(Some(change.metadata.is_some().into()))
            .opt_json(change.metadata.flatten());
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Names the thumbnail of an asset that has none; says whether it did: an
    /// asset that is deleted, or got one meanwhile, stays as it is.
    pub async fn record_thumbnail(
        &mut self,
        org: OrgId,
        id: AssetId,
        thumbnail_key: &str,
        blurhash: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE assets SET thumbnail_key = $3, blurhash = $4, updated_at = $5
            WHERE org_id = $1 AND id = $2 AND thumbnail_key IS NULL AND deleted_at IS NULL
            RETURNING id";
        let args = Args::new()
            .word(org)
            .word(id)
            .text(thumbnail_key)
            .text(blurhash)
            .time(at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Says what the bytes of a thumbnail are that was drawn again; says whether it
    /// did: one that the asset does not name, or no more, is nobody's.
    pub async fn record_thumbnail_crc32(
        &mut self,
        org: OrgId,
        id: AssetId,
        thumbnail_key: &str,
        crc32: u32,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE assets SET thumbnail_crc32 = $4
            WHERE org_id = $1 AND id = $2 AND thumbnail_key = $3
            RETURNING id";
        let args = Args::new()
            .word(org)
            .word(id)
            .text(thumbnail_key)
            .opt_int(Some(crc32.into()));
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Takes a deletion back and files the asset in `folder`. `None` when there
    /// is no such asset, or it is not deleted.
    pub async fn restore(
        &mut self,
        org: OrgId,
        id: AssetId,
        folder: Option<FolderId>,
        at: Timestamp,
    ) -> Result<Option<Asset>, StoreError> {
        let sql = concat!(
            "UPDATE assets SET
                deleted_at = NULL,
                deleted_by = NULL,
                deletion_id = NULL,
                folder_id = $3,
                updated_at = $4
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NOT NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).opt_word(folder).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Removes the row of an asset that was deleted before `before`; says
    /// whether it did: one that was restored meanwhile stays.
    pub async fn purge(
        &mut self,
        org: OrgId,
        id: AssetId,
        before: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM assets
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NOT NULL AND deleted_at < $3
            RETURNING id";
        let args = Args::new().word(org).word(id).time(before);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }
}

fn decode(row: &Row) -> Result<Asset, StoreError> {
    Ok(Asset {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        folder_id: row.opt_word("folder_id")?,
        name: row.text("name")?,
        storage_key: row.text("storage_key")?,
        thumbnail_key: row.opt_text("thumbnail_key")?,
        mime_type: row.text("mime_type")?,
        size_bytes: row.number("size_bytes")?,
        asset_type: row.word("asset_type")?,
        source_type: row.word("source_type")?,
        source_id: row.opt_text("source_id")?,
        created_by: row.opt_word("created_by")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.opt_time("deleted_at")?,
        deleted_by: row.opt_word("deleted_by")?,
        width: row.opt_number("width")?,
        height: row.opt_number("height")?,
        duration_ms: row.opt_int("duration_ms")?,
        codec: row.opt_text("codec")?,
        frames: row.opt_number("frames")?,
        sha256: row.opt_text("sha256")?,
        blurhash: row.opt_text("blurhash")?,
        metadata: row.opt_json("metadata")?,
        thumbnail_crc32: row.opt_number("thumbnail_crc32")?,
    })
}
