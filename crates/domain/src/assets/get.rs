//! Reads an asset, with URLs signed for this moment.

use runnel_types::{Asset, AssetId, Fault, Scope, Timestamp};

use crate::{Caller, Services, faults};

/// An asset as it is shown.
#[derive(Debug, Clone)]
pub struct AssetView {
    /// The record.
    pub asset: Asset,
    /// A signed URL for its bytes.
    pub url: String,
    /// A signed URL for its thumbnail.
    pub thumbnail_url: Option<String>,
}

impl Services {
    /// An asset of the caller's organization.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND`, also for one that was deleted.
    pub async fn get_asset(&self, caller: &Caller, id: AssetId) -> Result<Asset, Fault> {
        caller.require(Scope::AssetsRead)?;
        let found = self
            .store
            .read()
            .assets()
            .get_live(caller.org_id, id)
            .await
            .map_err(faults::store)?;
        found.ok_or_else(|| super::not_found(id))
    }

    /// Shows an asset, with URLs that are signed at `now`.
    pub fn show_asset(&self, asset: Asset, now: Timestamp) -> AssetView {
        AssetView {
            url: self.asset_url(&asset, now).unwrap_or_default(),
            thumbnail_url: self.thumbnail_url(&asset, now),
            asset,
        }
    }
}
