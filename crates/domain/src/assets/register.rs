//! Makes records of files: of what was found in them, with their thumbnails.
//!
//! Here are also the files that the server itself has in hand: the outputs of
//! runs, and pictures that came within a run's input.

use runnel_blobs::Key;
use runnel_store::Tx;
use runnel_types::{ApiKeyId, Asset, AssetId, Fault, Job, OrgId, SourceType};

use super::draw::Drawn;
use super::inspect::{Facts, Inspected};
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

/// A record that is ready to be written.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) asset: Asset,
    /// Whether its thumbnail is still to be drawn, by a job.
    is_thumbnail_due: bool,
}

impl Services {
    /// Writes what was found onto a record, and stores its thumbnail where
    /// there is one.
    pub(crate) async fn record_of(&self, facts: Facts, asset: Asset) -> Result<Described, Fault> {
        let mut asset = facts.onto(asset);
        let is_thumbnail_due = matches!(facts.thumbnail, Drawn::Later);
        if let Drawn::Made(drawn) = facts.thumbnail {
            let key: Key = asset.storage_key.parse().map_err(Fault::internal)?;
            let beside = key
                .thumbnail()
                .ok_or_else(|| Fault::internal(format!("{key} has no thumbnail beside it")))?;
            self.put_thumbnail(&beside, &drawn).await?;
            asset.thumbnail_key = Some(beside.to_string());
            asset.blurhash = Some(drawn.blurhash);
        }
        Ok(Described {
            asset,
            is_thumbnail_due,
        })
    }

    /// Writes a record, and with it the job that draws its thumbnail where that
    /// is still to be done.
    pub(crate) async fn insert_described(&self, tx: &mut Tx, new: &Described) -> Result<(), Fault> {
        let asset = &new.asset;
        tx.assets().insert(asset).await.map_err(faults::store)?;
        if new.is_thumbnail_due {
            self.enqueue_thumbnail(tx, asset).await?;
        }
        Ok(())
    }

    /// Adds the job that draws the thumbnail of an asset.
    pub(super) async fn enqueue_thumbnail(&self, tx: &mut Tx, asset: &Asset) -> Result<(), Fault> {
        let job = Job::DeriveThumbnail {
            org_id: asset.org_id,
            asset_id: asset.id,
        };
        self.enqueue(tx, asset.org_id, &job, self.now()).await
    }

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
            .inspect_object(&storage_key, file.declared.as_deref(), None)
            .await?
        {
            Inspected::Sound(facts) => facts,
            Inspected::Refused(message) => {
                self.discard(&storage_key).await;
                return Ok(Err(message));
            }
        };
        let asset = Asset {
            id,
            org_id: file.org_id,
            name: file.name,
            storage_key,
            size_bytes: stored.size_bytes,
            sha256: Some(stored.sha256),
            source_id: file.source_id,
            created_by: file.created_by,
            ..Asset::new(file.source_type, self.now())
        };
        Ok(Ok(self.record_of(facts, asset).await?.asset))
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
