//! Makes assets of files that the server itself has in hand: the outputs of
//! runs, and pictures that came within a run's input.

use runnel_blobs::Key;
use runnel_types::{ApiKeyId, Asset, AssetId, Fault, OrgId, SourceType};

use super::inspect::Inspected;
use crate::{Services, faults};

/// A file that is to become an asset.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) org_id: OrgId,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) declared: Option<String>,
    pub(crate) source_type: SourceType,
    pub(crate) source_id: Option<String>,
    pub(crate) created_by: Option<ApiKeyId>,
}

impl Services {
    /// Stores a file and its thumbnail, and answers with the record that the
    /// caller's transaction is to insert; the message of a refusal otherwise.
    /// A crash before that transaction leaves objects that no row names.
    pub(crate) async fn store_file(&self, file: NewFile) -> Result<Result<Asset, String>, Fault> {
        let id: AssetId = self.ids.next();
        let key = Key::asset(file.org_id, id, self.ids.next(), &file.name);
        let storage_key = key.to_string();
        let stored = self
            .blobs
            .put_bytes(&key, &file.bytes)
            .await
            .map_err(faults::blob)?;
        let facts = match self
            .inspect_object(&storage_key, file.declared.as_deref())
            .await?
        {
            Inspected::Sound(facts) => facts,
            Inspected::Refused(message) => {
                self.discard(&storage_key).await;
                return Ok(Err(message));
            }
        };
        let thumbnail_key = self.keep_thumbnail(&storage_key, &facts).await?;
        Ok(Ok(facts.into_asset(Asset {
            id,
            org_id: file.org_id,
            name: file.name,
            storage_key,
            thumbnail_key,
            size_bytes: stored.size_bytes,
            sha256: Some(stored.sha256),
            source_id: file.source_id,
            created_by: file.created_by,
            ..Asset::new(file.source_type, self.now())
        })))
    }

    /// Removes the objects of assets whose rows were not written after all.
    pub(crate) async fn discard_files(&self, assets: &[Asset]) {
        for asset in assets {
            self.discard(&asset.storage_key).await;
            if let Some(thumbnail) = &asset.thumbnail_key {
                self.discard(thumbnail).await;
            }
        }
    }
}
