//! Makes records of files: of what was found in them, with their thumbnails.
//!
//! Here are also the files that the server itself has in hand: the outputs of
//! runs, and what came within a run's input or was fetched for it. Their bytes
//! are passed on to the storage as they come.

use std::time::Duration;

use runnel_blobs::{Key, Staged};
use runnel_media::MediaType;
use runnel_store::Tx;
use runnel_types::{ApiKeyId, Asset, AssetId, Fault, Job, OrgId, SourceType};

use super::draw::Drawn;
use super::inspect::{Facts, Inspected};
use crate::{Services, faults};

/// A file that is to become an asset; its bytes come apart.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) org_id: OrgId,
    pub(crate) name: String,
    pub(crate) declared: Option<String>,
    pub(crate) source_type: SourceType,
    pub(crate) source_id: Option<String>,
    pub(crate) created_by: Option<ApiKeyId>,
}

/// A file whose bytes are arriving. Dropped before it is finished, it leaves
/// nothing.
#[derive(Debug)]
pub(crate) struct Storing {
    id: AssetId,
    key: Key,
    file: NewFile,
    staged: Staged,
}

/// A record that is ready to be written.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) asset: Asset,
    /// Whether its thumbnail is still to be drawn, by a job.
    is_thumbnail_due: bool,
}

impl Described {
    /// The record.
    pub(crate) const fn asset(&self) -> &Asset {
        &self.asset
    }
}

/// `name` with the extension of what the file is, unless it has one of them.
pub(crate) fn with_extension(name: String, media_type: MediaType) -> String {
    let extensions = media_type.extensions();
    let has_one = name.rsplit_once('.').is_some_and(|(_, extension)| {
        extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    });
    match extensions.first() {
        Some(extension) if !has_one => format!("{name}.{extension}"),
        _ => name,
    }
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
            // What needs a program to be drawn is not drawn again while somebody waits.
            if facts.media_type.is_supported() {
                let stored = self.blobs.put_reproducible(&beside, &drawn.webp).await;
                asset.thumbnail_crc32 = Some(stored.map_err(faults::blob)?);
            } else {
                self.put_thumbnail(&beside, &drawn).await?;
            }
            asset.thumbnail_key = Some(beside.to_string());
            asset.blurhash = Some(drawn.blurhash);
        }
        Ok(Described {
            asset,
            is_thumbnail_due,
        })
    }

    /// Writes a record, and with it the job that draws its thumbnail where that
    /// is still to be done; webhooks hear of it.
    pub(crate) async fn insert_described(&self, tx: &mut Tx, new: &Described) -> Result<(), Fault> {
        let asset = &new.asset;
        let has_webhooks = tx.assets().insert(asset).await.map_err(faults::store)?;
        self.tell_asset_created(tx, asset, has_webhooks).await?;
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
        self.enqueue(tx, &job, self.now()).await
    }

    /// Begins to take the bytes of a file.
    pub(crate) fn begin_storing(&self, file: NewFile) -> Storing {
        let id: AssetId = self.ids.next();
        let key = Key::asset(file.org_id, id, self.ids.next(), &file.name);
        let staged = self.blobs.stage_unpublished(&key);
        Storing {
            id,
            key,
            file,
            staged,
        }
    }

    /// Stores a file and its thumbnail, and answers with the record that the
    /// caller's transaction is to insert; the message of a refusal otherwise,
    /// with nothing left behind. The thumbnail of a film is waited for as long
    /// as `wait` says. A crash before that transaction leaves objects that no
    /// row names.
    pub(crate) async fn finish_storing(
        &self,
        storing: Storing,
        wait: Duration,
    ) -> Result<Result<Described, String>, Fault> {
        let Storing {
            id,
            key,
            file,
            staged,
        } = storing;
        let storage_key = key.to_string();
        let stored = staged.finish().await.map_err(faults::blob)?;
        let looked = self.inspect_object(&storage_key, file.declared.as_deref(), Some(wait));
        let facts = match looked.await {
            Ok(Inspected::Sound(facts)) => facts,
            Ok(Inspected::Refused(message)) => {
                self.discard(&storage_key).await;
                return Ok(Err(message));
            }
            Err(fault) => {
                self.discard(&storage_key).await;
                return Err(fault);
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
        let described = self.record_of(facts, asset).await;
        if described.is_err() {
            self.discard(&key.to_string()).await;
        }
        described.map(Ok)
    }

    /// Stores a file that lies in memory as a whole; see
    /// [`Services::finish_storing`].
    pub(crate) async fn store_bytes(
        &self,
        file: NewFile,
        bytes: &[u8],
    ) -> Result<Result<Described, String>, Fault> {
        let mut storing = self.begin_storing(file);
        storing.write(bytes).await?;
        self.finish_storing(storing, self.limits.thumbnail_wait)
            .await
    }
}

impl Storing {
    /// Takes some more bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.staged.write(bytes).await.map_err(faults::blob)
    }
}
