//! Folders: where assets are filed, a tree for each organization.

use crate::id::{FolderId, OrgId};
use crate::list::{Field, FieldKind, Listed};
use crate::time::Timestamp;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder.
    pub id: FolderId,
    /// The organization.
    pub org_id: OrgId,
    /// The folder that it lies in; the top when absent.
    pub parent_id: Option<FolderId>,
    /// Its name, unique among its siblings.
    pub name: String,
    /// How many assets lie in it, those of folders under it not counted.
    pub asset_count: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last renamed or moved.
    pub updated_at: Timestamp,
}

impl Listed for Folder {
    const LIST: &'static str = "asset-folders";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("parent_id", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("name", FieldKind::Text),
        Field::new("created_at", FieldKind::Time),
        Field::new("updated_at", FieldKind::Time),
    ];
    const SHORTCUTS: &'static [&'static str] = &["parent_id"];
}
