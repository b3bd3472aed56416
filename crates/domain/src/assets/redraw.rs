//! Thumbnails that the disk lost, drawn again when they are fetched.
//!
//! A confirmation waits for the disk to have a picture, and not for its thumbnail,
//! which can be drawn again at any time. So a loss of power may take a thumbnail
//! that an asset names, or leave a part of it. It is looked at when it is fetched;
//! one that is not whole is drawn and stored again by one task, however many ask.
//! *A crash before the row says what the new bytes are leaves a thumbnail that does
//! not fit its row: the next who asks has it drawn once more.* Only an asset that is
//! purged within the moment of drawing can leave a thumbnail that no row names.

use std::sync::Arc;

use runnel_blobs::{Key, Object, crc32};
use runnel_media::{Budget, MediaError};
use runnel_types::{Asset, Fault};

use super::open::{gone, not_in_storage};
use super::transform::{Flight, Reader, Unmade};
use crate::{Services, faults};

impl Services {
    /// Opens the thumbnail of an asset, which lies under `key`. The asset comes back
    /// as its row is by then.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND` when the asset was purged meanwhile; `SERVICE_UNAVAILABLE`
    /// when too many wait for pictures to be made.
    pub(super) async fn open_thumbnail(
        self: &Arc<Self>,
        asset: Asset,
        key: &Key,
    ) -> Result<(Asset, Object), Fault> {
        if let Some(object) = self.whole_thumbnail(&asset, key).await? {
            return Ok((asset, object));
        }
        if asset.thumbnail_crc32.is_none() {
            return Err(not_in_storage(&asset, key));
        }
        let start = |flight| {
            let drawing = redraw(Arc::clone(self), asset.clone(), key.clone(), flight);
            drop(tokio::spawn(drawing));
        };
        self.flights.join(&key.to_string(), start).await?;
        let read = self.store.read().assets().get_for_url(asset.id).await;
        let asset = read.map_err(faults::store)?.ok_or_else(gone)?;
        let object = self.whole_thumbnail(&asset, key).await?;
        let object = object.ok_or_else(|| not_in_storage(&asset, key))?;
        Ok((asset, object))
    }

    /// Draws the thumbnail of an asset now if it is not whole and can be drawn again;
    /// says whether it is there.
    ///
    /// # Errors
    /// When the database or the storage fails.
    pub(crate) async fn restore_thumbnail(&self, asset: &Asset) -> Result<bool, Fault> {
        let (Some(name), Some(_checksum)) = (&asset.thumbnail_key, asset.thumbnail_crc32) else {
            return Ok(false);
        };
        let key = name.parse().map_err(Fault::internal)?;
        let drawn = self.draw_again(asset, &key, Reader::Program).await?;
        if let Err(error) = &drawn {
            tracing::warn!(asset.id = %asset.id, %error, "a thumbnail cannot be drawn again");
        }
        Ok(drawn.is_ok())
    }

    async fn whole_thumbnail(&self, asset: &Asset, key: &Key) -> Result<Option<Object>, Fault> {
        let opened = match asset.thumbnail_crc32 {
            Some(checksum) => self.blobs.open_reproducible(key, checksum).await,
            // The disk had it before its asset was, or a job drew it.
            None => self.blobs.open_object(key).await,
        };
        opened.map_err(faults::blob)
    }

    /// Draws a thumbnail that is not whole, stores it durably and writes down what it
    /// is now: another version than the one that drew it first may draw it otherwise.
    async fn draw_again(
        &self,
        asset: &Asset,
        key: &Key,
        by: Reader,
    ) -> Result<Result<(), MediaError>, Fault> {
        // Whoever looked before another task was done, and joined after it.
        if self.whole_thumbnail(asset, key).await?.is_some() {
            return Ok(Ok(()));
        }
        let picture: Key = asset.storage_key.parse().map_err(Fault::internal)?;
        let opened = self.blobs.open_std(&picture).await;
        let mut file = opened.map_err(faults::blob)?;
        let programs = self.programs_of(by);
        let working = tokio::task::spawn_blocking(move || {
            runnel_media::thumbnail_of(&mut file, &Budget::default(), &programs)
        });
        let drawn = match working.await.map_err(Fault::internal)? {
            Ok(drawn) => drawn,
            Err(error) => return Ok(Err(error)),
        };
        let stored = self.blobs.put_bytes(key, &drawn.webp).await;
        stored.map_err(faults::blob)?;
        // ORDER: the object first: until the row fits it, it is taken as not whole.
        let checksum = crc32(&drawn.webp);
        if asset.thumbnail_crc32 != Some(checksum) {
            let (org, id, name) = (asset.org_id, asset.id, key.to_string());
            let mut tx = self.store.begin().await.map_err(faults::store)?;
            let recorded = tx
                .assets()
                .record_thumbnail_crc32(org, id, &name, checksum)
                .await;
            recorded.map_err(faults::store)?;
            tx.commit().await.map_err(faults::store)?;
        }
        tracing::warn!(asset.id = %asset.id, storage.key = %key, "a thumbnail was not whole, as after a loss of power, and was drawn again");
        Ok(Ok(()))
    }
}

/// Draws a thumbnail again when the turn of its organization comes.
async fn redraw(services: Arc<Services>, asset: Asset, key: Key, flight: Flight) {
    let draw = |by| services.draw_again(&asset, &key, by);
    let drawn = services.in_turn(asset.org_id, Reader::Process, &flight, draw);
    let outcome = match drawn.await {
        Ok(()) => Ok(()),
        Err(Unmade::Abandoned) => return,
        // The picture was sound when it became an asset.
        Err(Unmade::Refused(error, _)) => Err(Fault::internal(format!(
            "the thumbnail {key} is lost and cannot be drawn again: {error}"
        ))),
        Err(Unmade::Failed(fault)) => Err(fault),
    };
    flight.land(outcome);
}
