//! Renames and moves folders.

use runnel_store::StoreError;
use runnel_types::{Fault, FolderId, Scope};
use serde_json::Value;

use super::FolderView;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

impl Services {
    /// Gives a folder another `name`, another `parent_id` (null: the top), or both.
    ///
    /// # Errors
    /// `FOLDER_NOT_FOUND`, `CONFLICT` when a sibling has the name,
    /// `VALIDATION_ERROR` for a move into itself.
    pub async fn change_folder(
        &self,
        caller: &Caller,
        id: FolderId,
        body: &Value,
    ) -> Result<FolderView, Fault> {
        caller.require(Scope::AssetsEdit)?;
        let mut fields = Fields::of(body)?;
        let name = fields.given_text("name", 1, 255);
        super::check_name(&mut fields, name);
        let parent = fields.given_id::<FolderId>("parent_id");
        fields.finish()?;
        let org = caller.org_id;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        super::hold(&mut tx, org, id).await?;
        let before = tx.folders().get(org, id).await.map_err(faults::store)?;
        let before = before.ok_or_else(|| super::not_found(id))?;
        let parent_id = parent.unwrap_or(before.parent_id);
        if let Some(parent) = parent_id {
            super::hold(&mut tx, org, parent).await?;
            let inside = tx.folders().contains(org, id, parent).await;
            if inside.map_err(faults::store)? {
                return Err(Fault::invalid_field(
                    "parent_id",
                    "circle",
                    "a folder cannot be moved into itself or into a folder under it",
                ));
            }
        }
        let name = name.unwrap_or(&before.name);
        let changed = tx
            .folders()
            .update(org, id, name, parent_id, self.now())
            .await;
        let folder = match changed {
            Err(StoreError::Conflict { .. }) => return Err(super::taken(name)),
            other => other.map_err(faults::store)?,
        };
        let folder = folder.ok_or_else(|| super::not_found(id))?;
        let view = Self::view_in(&mut tx, folder).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(view)
    }
}
