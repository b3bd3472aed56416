//! Makes a folder.

use runnel_store::StoreError;
use runnel_types::{Fault, Folder, FolderId, Scope};
use serde_json::Value;

use super::FolderView;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

impl Services {
    /// Makes a folder from a body with `name` and perhaps `parent_id`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `FOLDER_NOT_FOUND` for the parent, `CONFLICT` when a
    /// sibling has the name.
    pub async fn create_folder(&self, caller: &Caller, body: &Value) -> Result<FolderView, Fault> {
        caller.require(Scope::AssetsCreate)?;
        let mut fields = Fields::of(body)?;
        let name = fields.text("name", 1, 255);
        super::check_name(&mut fields, name);
        let parent_id: Option<FolderId> = fields.optional_id("parent_id");
        fields.finish()?;
        // INVARIANT: a reading without faults has found every required field.
        let name = name.ok_or_else(|| Fault::internal("no name after a reading without faults"))?;
        let now = self.now();
        let folder = Folder {
            id: self.ids.next(),
            org_id: caller.org_id,
            parent_id,
            name: name.to_owned(),
            asset_count: 0,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.begin_once(caller).await?;
        if let Some(parent) = parent_id {
            super::hold(&mut tx, caller.org_id, parent).await?;
        }
        match tx.folders().insert(&folder).await {
            Err(StoreError::Conflict { .. }) => return Err(super::taken(name)),
            other => other.map_err(faults::store)?,
        }
        let view = Self::view_in(&mut tx, folder).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(view)
    }
}
