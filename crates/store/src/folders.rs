//! Folders of assets: a tree for each organization. A deleted folder keeps its
//! row, and its name is free again.

use runnel_types::list::{ListRequest, Place};
use runnel_types::{ApiKeyId, DeletionId, Folder, FolderId, OrgId, Page, Timestamp};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::query::{self, Rows};
use crate::reader::{Reader, Statement, all, changed, one, optional};
use crate::tx::Tx;

const TABLE: &str = "folders";

macro_rules! columns {
    () => {
        "id, org_id, parent_id, name, created_at, updated_at, \
         (SELECT COUNT(*) FROM assets WHERE assets.org_id = folders.org_id \
          AND assets.folder_id = folders.id AND assets.deleted_at IS NULL) AS asset_count"
    };
}

/// The folders of `$1` that lie under `$2`, and `$2` itself.
macro_rules! tree {
    () => {
        "WITH RECURSIVE tree (id) AS (
            SELECT id FROM folders WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            UNION
            SELECT folders.id FROM folders JOIN tree ON folders.parent_id = tree.id
            WHERE folders.org_id = $1 AND folders.deleted_at IS NULL
        ) "
    };
}

/// The most ids of one statement.
const MOST_IDS: usize = 256;

/// A folder on the way to another: its id, its parent and its name.
pub type Step = (FolderId, Option<FolderId>, String);

/// The folders that an organization's lists show.
pub(crate) fn rows(org: OrgId) -> Rows {
    Rows::of(org, TABLE, columns!(), "org_id = $1 AND deleted_at IS NULL")
}

/// Statements on `folders`.
#[derive(Debug)]
pub struct Folders<E>(pub(crate) E);

impl<E: Reader> Folders<E> {
    /// The folder, unless it is deleted.
    pub async fn get(&mut self, org: OrgId, id: FolderId) -> Result<Option<Folder>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM folders WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"
        );
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org).word(id)),
            decode,
        )
        .await
    }

    /// Whether the folder is there, without counting what is in it: that takes time
    /// where there is much.
    pub async fn exists(&mut self, org: OrgId, id: FolderId) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM folders WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// A page of the organization's folders that are not deleted.
    pub async fn list(
        &mut self,
        org: OrgId,
        request: &ListRequest,
    ) -> Result<Page<Folder, Place>, StoreError> {
        query::list(&mut self.0, rows(org), request, decode).await
    }

    /// `ids` and all folders above them, in no order.
    pub async fn ancestors(
        &mut self,
        org: OrgId,
        ids: &[FolderId],
    ) -> Result<Vec<Step>, StoreError> {
        let mut found = Vec::new();
        for some in ids.chunks(MOST_IDS) {
            let numbers: Vec<String> = (2..some.len() + 2).map(|n| format!("${n}")).collect();
            let sql = format!(
                "WITH RECURSIVE way (id, parent_id, name) AS (
                    SELECT id, parent_id, name FROM folders WHERE org_id = $1 AND id IN ({})
                    UNION
                    SELECT folders.id, folders.parent_id, folders.name
                    FROM folders JOIN way ON folders.id = way.parent_id
                    WHERE folders.org_id = $1
                ) SELECT id, parent_id, name FROM way",
                numbers.join(", ")
            );
            let args = some.iter().fold(Args::new().word(org), Args::word);
            let decode = |row: &Row| {
                Ok((
                    row.word("id")?,
                    row.opt_word("parent_id")?,
                    row.text("name")?,
                ))
            };
            found.extend(all(&mut self.0, Statement::composed(TABLE, sql, args), decode).await?);
        }
        Ok(found)
    }

    /// Whether anything that is not deleted lies in the folder.
    pub async fn is_empty(&mut self, org: OrgId, id: FolderId) -> Result<bool, StoreError> {
        let sql =
            "SELECT id FROM folders WHERE org_id = $1 AND parent_id = $2 AND deleted_at IS NULL
            UNION ALL
            SELECT id FROM assets WHERE org_id = $1 AND folder_id = $2 AND deleted_at IS NULL
            LIMIT 1";
        let args = Args::new().word(org).word(id);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows == 0)
    }

    /// Whether more than `count` assets lie in the folder and in those under it.
    pub async fn holds_more_than(
        &mut self,
        org: OrgId,
        id: FolderId,
        count: i64,
    ) -> Result<bool, StoreError> {
        // Index: assets_by_folder.
        let sql = concat!(
            tree!(),
            "SELECT id FROM assets
            WHERE org_id = $1 AND deleted_at IS NULL AND folder_id IN (SELECT id FROM tree)
            LIMIT 1 OFFSET $3"
        );
        let args = Args::new().word(org).word(id).int(count);
        changed(&mut self.0, Statement::new("assets", sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Whether `inner` is `outer` or lies somewhere under it.
    pub async fn contains(
        &mut self,
        org: OrgId,
        outer: FolderId,
        inner: FolderId,
    ) -> Result<bool, StoreError> {
        let sql = concat!(tree!(), "SELECT id FROM tree WHERE id = $3");
        let args = Args::new().word(org).word(outer).word(inner);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows > 0)
    }

    /// Bytes of the longest path from the folder, itself not counted, down to
    /// one under it, each name after a slash; 0 when there is none.
    pub async fn longest_path_under(
        &mut self,
        org: OrgId,
        id: FolderId,
    ) -> Result<u64, StoreError> {
        let sql = "WITH RECURSIVE tree (id, bytes) AS (
                SELECT id, CAST(0 AS BIGINT) FROM folders
                WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
                UNION
                SELECT folders.id, tree.bytes + 1 + OCTET_LENGTH(folders.name)
                FROM folders JOIN tree ON folders.parent_id = tree.id
                WHERE folders.org_id = $1 AND folders.deleted_at IS NULL
            ) SELECT COALESCE(MAX(bytes), 0) AS bytes FROM tree";
        let args = Args::new().word(org).word(id);
        one(&mut self.0, Statement::new(TABLE, sql, args), |row| {
            row.number("bytes")
        })
        .await
    }
}

impl Folders<&mut Tx> {
    /// Adds a folder.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a sibling has its name.
    pub async fn insert(&mut self, folder: &Folder) -> Result<(), StoreError> {
        let sql = "INSERT INTO folders (id, org_id, parent_id, name, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let args = Args::new()
            .word(folder.id)
            .word(folder.org_id)
            .opt_word(folder.parent_id)
            .text(&folder.name)
            .time(folder.created_at)
            .time(folder.updated_at);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Gives a folder another name and another parent. `None` when it is gone.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a sibling has the name.
    pub async fn update(
        &mut self,
        org: OrgId,
        id: FolderId,
        name: &str,
        parent: Option<FolderId>,
        at: Timestamp,
    ) -> Result<Option<Folder>, StoreError> {
        let sql = concat!(
            "UPDATE folders SET name = $3, parent_id = $4, updated_at = $5
            WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
            RETURNING ",
            columns!()
        );
        let args = Args::new()
            .word(org)
            .word(id)
            .text(name)
            .opt_word(parent)
            .time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }

    /// Deletes a folder, everything under it and the assets in all of these, which
    /// are marked with `deletion` when they are to be told of one by one. Says
    /// how many folders went.
    pub async fn soft_delete(
        &mut self,
        org: OrgId,
        id: FolderId,
        by: Option<ApiKeyId>,
        deletion: Option<DeletionId>,
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        // ORDER: the assets first; the tree is found by what is not deleted.
        self.soft_delete_some(org, id, (by, deletion, at), i64::MAX)
            .await?;
        let folders = concat!(
            tree!(),
            "UPDATE folders SET deleted_at = $3, deleted_by = $4, updated_at = $3
            WHERE org_id = $1 AND id IN (SELECT id FROM tree)
            RETURNING id"
        );
        let args = Args::new().word(org).word(id).time(at).opt_word(by);
        let folders = Statement::new(TABLE, folders, args).lengthy();
        changed(&mut self.0, folders).await
    }

    /// Deletes `most` of the assets in the folder and in those under it; says how many
    /// went.
    pub async fn soft_delete_some(
        &mut self,
        org: OrgId,
        id: FolderId,
        (by, deletion, at): (Option<ApiKeyId>, Option<DeletionId>, Timestamp),
        most: i64,
    ) -> Result<usize, StoreError> {
        // Index: assets_by_folder, and then the ids alone: by its organization SQLite
        // would look at every asset of it.
        let sql = concat!(
            tree!(),
            ", filed AS MATERIALIZED (
                SELECT id FROM assets
                WHERE org_id = $1 AND deleted_at IS NULL AND folder_id IN (SELECT id FROM tree)
                LIMIT $6
            ) UPDATE assets SET
                deleted_at = $3, deleted_by = $4, updated_at = $3, deletion_id = $5
            WHERE id IN (SELECT id FROM filed) AND deleted_at IS NULL
            RETURNING id"
        );
        let args = Args::new().word(org).word(id).time(at).opt_word(by);
        let args = args.opt_word(deletion).int(most);
        changed(&mut self.0, Statement::new("assets", sql, args).lengthy()).await
    }
}

fn decode(row: &Row) -> Result<Folder, StoreError> {
    Ok(Folder {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        parent_id: row.opt_word("parent_id")?,
        name: row.text("name")?,
        asset_count: row.number("asset_count")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
