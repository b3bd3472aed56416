//! Lists assets, and the types that they may have.

use std::collections::HashMap;

use runnel_types::list::{ListRequest, Place};
use runnel_types::{ApiKey, ApiKeyId, Fault, Page, Scope};

use super::AssetView;
use crate::{Caller, Services, faults};

/// A type that uploads may have.
#[derive(Debug, Clone)]
pub struct AcceptedType {
    /// The type, such as `image/jpeg`.
    pub mime_type: &'static str,
    /// What sort of thing it is.
    pub asset_type: &'static str,
    /// The endings of names that it usually has.
    pub extensions: &'static [&'static str],
    /// The largest upload, in bytes.
    pub max_size_bytes: u64,
    /// Whether its assets have a thumbnail.
    pub has_thumbnail: bool,
}

impl Services {
    /// A page of the caller's assets, with URLs signed for this moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_assets(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<AssetView, Place>, Fault> {
        caller.require(Scope::AssetsRead)?;
        let page = self
            .store
            .read()
            .assets()
            .list(caller.org_id, request)
            .await
            .map_err(faults::store)?;
        let now = self.now();
        Ok(page.map(|asset| self.show_asset(asset, now)))
    }

    /// The keys of the caller's organization by their ids, for those who want
    /// to know who created what.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn creators(&self, caller: &Caller) -> Result<HashMap<ApiKeyId, ApiKey>, Fault> {
        let keys = self
            .store
            .read()
            .api_keys()
            .list(caller.org_id)
            .await
            .map_err(faults::store)?;
        Ok(keys.into_iter().map(|key| (key.id, key)).collect())
    }

    /// The types that uploads may have.
    pub fn accepted_types(&self) -> Vec<AcceptedType> {
        runnel_media::types()
            .map(|kind| AcceptedType {
                mime_type: kind.mime_type,
                asset_type: kind.asset_type,
                extensions: kind.extensions,
                max_size_bytes: kind
                    .max_bytes
                    .unwrap_or(u64::MAX)
                    .min(self.limits.max_upload_bytes),
                has_thumbnail: kind.thumbnail,
            })
            .collect()
    }
}
