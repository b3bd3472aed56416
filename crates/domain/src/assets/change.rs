//! Renames assets, files them in folders, keeps what their owners note.

use runnel_store::assets::Change;
use runnel_types::{Asset, AssetId, Fault, FolderId, Scope};
use serde_json::Value;

use crate::fields::Fields;
use crate::{Caller, Services, faults, folders};

/// The most bytes of an asset's metadata, as JSON.
const MAX_METADATA: usize = 100 * 1024;

impl Services {
    /// Changes `name`, `folder_id` (null: the top) and `metadata` (null: none),
    /// those that are given.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND`, `FOLDER_NOT_FOUND`, `VALIDATION_ERROR`.
    pub async fn change_asset(
        &self,
        caller: &Caller,
        id: AssetId,
        body: &Value,
    ) -> Result<Asset, Fault> {
        caller.require(Scope::AssetsEdit)?;
        let mut fields = Fields::of(body)?;
        let name = fields.given_text("name", 1, 500);
        let folder = fields.given_id::<FolderId>("folder_id");
        let metadata = fields
            .is_given("metadata")
            .then(|| fields.optional_object("metadata", MAX_METADATA));
        fields.finish()?;
        let org = caller.org_id;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        if let Some(Some(folder)) = folder {
            folders::hold(&mut tx, org, folder).await?;
        }
        let change = Change {
            name,
            folder_id: folder,
            metadata,
        };
        let after = tx.assets().update(org, id, &change, self.now()).await;
        let after = after.map_err(faults::store)?;
        let after = after.ok_or_else(|| super::not_found(id))?;
        tx.commit().await.map_err(faults::store)?;
        Ok(after)
    }
}
