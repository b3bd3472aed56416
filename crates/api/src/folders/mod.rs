//! Folders of assets, and the form in which every operation shows them.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

use runnel_domain::folders::FolderView;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// A folder of assets.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FolderResponse {
    /// The folder.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// The folder that it lies in; null at the top.
    parent_id: Option<Uuid>,
    /// Its name, unique among its siblings.
    name: String,
    /// The names from the top down to it, such as `/shoes/2026`.
    path: String,
    /// How many assets lie in it, those of folders under it not counted.
    asset_count: u64,
    /// When it was created.
    created_at: String,
    /// When it was last renamed or moved.
    updated_at: String,
}

impl From<FolderView> for FolderResponse {
    fn from(view: FolderView) -> Self {
        let folder = view.folder;
        Self {
            id: folder.id.as_uuid(),
            org_id: folder.org_id.as_uuid(),
            parent_id: folder.parent_id.map(Into::into),
            name: folder.name,
            path: view.path,
            asset_count: folder.asset_count,
            created_at: folder.created_at.to_rfc3339(),
            updated_at: folder.updated_at.to_rfc3339(),
        }
    }
}
