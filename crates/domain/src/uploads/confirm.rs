//! Confirms an upload: looks at the real bytes and makes the asset.

use std::sync::Arc;

use runnel_blobs::{BlobError, Key};
use runnel_types::{Asset, AssetId, Fault, FolderId, Received, Scope, SourceType, Upload};
use serde_json::Value;

use super::collect::{Body, Collected};
use crate::assets::{Described, Facts, Inspected};
use crate::fields::Fields;
use crate::{Caller, Services, faults, folders};

impl Services {
    /// Makes the asset of an upload. Asking again answers with the same asset.
    ///
    /// # Errors
    /// `ASSET_UPLOAD_NOT_FOUND`, `FOLDER_NOT_FOUND`, `CONFLICT` when no bytes
    /// have arrived or they were lost, `SERVICE_UNAVAILABLE` when too many wait for
    /// the same, `VALIDATION_ERROR` when they are not what was declared or
    /// cannot be decoded: the object is removed then, and the session stays
    /// open for another PUT.
    pub async fn confirm_upload(
        self: &Arc<Self>,
        caller: &Caller,
        asset_id: AssetId,
        body: &Value,
    ) -> Result<Asset, Fault> {
        caller.require(Scope::AssetsCreate)?;
        let mut fields = Fields::of(body)?;
        let folder: Option<FolderId> = fields.optional_id("folder_id");
        fields.finish()?;
        // ORDER: before a place is taken, and only as long as the client waits for it:
        // who asks again and again would have all places wait for the first.
        let org = caller.org_id;
        let turn = self.confirmations.begin(org, asset_id).await?;
        let (services, caller) = (Arc::clone(self), caller.clone());
        let confirming = async move {
            let _turn = turn;
            services.confirm(&caller, asset_id, folder).await
        };
        self.to_the_end(org, confirming).await
    }

    async fn confirm(
        &self,
        caller: &Caller,
        asset_id: AssetId,
        folder: Option<FolderId>,
    ) -> Result<Asset, Fault> {
        let mut may_collect = true;
        let mut collected: Option<Body> = None;
        loop {
            let upload = self.upload_of(caller, asset_id).await?;
            if upload.confirmed_at.is_some() {
                let asset = self.confirmed_asset(caller, asset_id).await?;
                // Another confirmation took the copy that this one had made,
                // and knows nothing of what it was made from.
                let taken = |body: Body| body.received.storage_key == asset.storage_key;
                if collected.is_some_and(taken) {
                    self.remove_sent(&upload).await;
                }
                return Ok(asset);
            }
            self.check_folder(caller, folder).await?;
            // Collected once: two confirmations that take each other's copies
            // away would not end. The second round takes what the first left.
            let is_first = std::mem::take(&mut may_collect);
            let body = if is_first || upload.received.is_none() {
                self.sent_body(&upload).await?
            } else {
                None
            };
            let is_empty = body.is_none() && upload.received.is_none();
            if is_empty && self.complete_resumable(&upload).await? {
                continue;
            }
            let received = body.as_ref().map(|body| &body.received);
            let Some(received) = received.or(upload.received.as_ref()) else {
                // Another confirmation may have dealt with what was sent, and
                // removed it, since the session was read.
                if self.upload_of(caller, asset_id).await? != upload {
                    continue;
                }
                return Err(Fault::conflict(
                    "no bytes have arrived for this upload; PUT them to its upload_url first",
                ));
            };
            let inspected = match self.inspect(received, body.as_ref(), &upload).await {
                // Gone because another confirmation took a later copy.
                Ok(None) | Err(_)
                    if body.is_none() && self.upload_of(caller, asset_id).await? != upload =>
                {
                    continue;
                }
                inspected => inspected?,
            };
            let facts = match inspected {
                // The row stays: where a disk is only away for a while, asking
                // again is enough.
                None => {
                    return Err(Fault::conflict(
                        "the bytes that arrived for this upload are no longer in the storage; send them to its upload_url again",
                    ));
                }
                Some(Inspected::Sound(facts)) => facts,
                Some(Inspected::Refused(message)) => {
                    let fault = self.refuse(&upload, received, message).await?;
                    if let Some(body) = &body {
                        self.forget_body(&upload, body).await;
                    }
                    return Err(fault);
                }
            };
            if let Some(asset) = self.adopt(caller, &upload, received, facts, folder).await? {
                if body.is_some() {
                    self.remove_sent(&upload).await;
                }
                return Ok(asset);
            }
            // Another confirmation or another PUT came first: look again. Each
            // round means that somebody else got on, so this ends.
            collected = body.or(collected);
        }
    }

    /// The body that a client sent to the store itself, when there is one.
    async fn sent_body(&self, upload: &Upload) -> Result<Option<Body>, Fault> {
        match self.collect(upload).await? {
            Collected::Body(body) => Ok(Some(body)),
            Collected::Nothing => Ok(None),
            Collected::Refused(message) => Err(mismatch(message)),
        }
    }

    async fn upload_of(&self, caller: &Caller, asset_id: AssetId) -> Result<Upload, Fault> {
        let found = self
            .store
            .read()
            .uploads()
            .get(caller.org_id, asset_id)
            .await
            .map_err(faults::store)?;
        found.ok_or_else(|| {
            Fault::not_found(
                "ASSET_UPLOAD_NOT_FOUND",
                format!("there is no upload {asset_id}"),
            )
        })
    }

    async fn confirmed_asset(&self, caller: &Caller, asset_id: AssetId) -> Result<Asset, Fault> {
        let asset = self
            .store
            .read()
            .assets()
            .get_live(caller.org_id, asset_id)
            .await
            .map_err(faults::store)?;
        asset.ok_or_else(|| {
            Fault::not_found(
                "ASSET_NOT_FOUND",
                format!("the asset {asset_id} was deleted"),
            )
        })
    }

    /// Looks at a body: at the file that was brought here where there is one.
    /// `None` when its object is lost.
    async fn inspect(
        &self,
        received: &Received,
        body: Option<&Body>,
        upload: &Upload,
    ) -> Result<Option<Inspected>, Fault> {
        let key: Key = received.storage_key.parse().map_err(Fault::internal)?;
        let object = match body {
            Some(body) => body
                .file
                .try_clone()
                .map(Into::into)
                .map_err(Fault::internal)?,
            None => match self.blobs.at_hand(&key).await {
                Err(BlobError::Missing { .. }) => return Ok(None),
                found => found.map_err(faults::blob)?,
            },
        };
        let declared = Some(upload.mime_type.as_str());
        let wait = Some(self.limits.thumbnail_wait);
        match self.inspect_at_hand(&key, object, declared, wait).await? {
            Err(BlobError::Missing { .. }) => Ok(None),
            inspected => inspected.map(Some).map_err(faults::blob),
        }
    }

    /// Writes the asset and closes the session, unless the session moved on
    /// since it was read.
    async fn adopt(
        &self,
        caller: &Caller,
        upload: &Upload,
        received: &Received,
        facts: Facts,
        folder: Option<FolderId>,
    ) -> Result<Option<Asset>, Fault> {
        let now = self.now();
        let asset = Asset {
            id: upload.asset_id,
            org_id: upload.org_id,
            folder_id: folder,
            name: upload.filename.clone(),
            storage_key: received.storage_key.clone(),
            size_bytes: received.size_bytes,
            sha256: Some(received.sha256.clone()),
            created_by: Some(caller.key_id()),
            ..Asset::new(SourceType::Upload, now)
        };
        let new = self.record_of(facts, asset).await?;
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        if let Some(folder) = folder {
            folders::hold(&mut tx, upload.org_id, folder).await?;
        }
        let closed = tx
            .uploads()
            .mark_confirmed(upload.org_id, upload.asset_id, now, &received.storage_key)
            .await
            .map_err(faults::store)?;
        if !closed {
            drop(tx);
            self.discard_unnamed(upload, received, &new).await;
            return Ok(None);
        }
        let resumable = tx
            .resumable_uploads()
            .end(upload.org_id, upload.asset_id)
            .await
            .map_err(faults::store)?;
        self.insert_described(&mut tx, &new).await?;
        // Pieces of a body that a PUT made needless.
        let pieces = resumable.and_then(|row| row.progress);
        self.enqueue_abandonment(&mut tx, upload.org_id, pieces)
            .await?;
        tx.commit().await.map_err(faults::store)?;
        self.meters.stored(&new.asset);
        Ok(Some(new.asset))
    }

    /// Removes the thumbnail of a body that the session no longer names. Where it
    /// does, another confirmation of the same body came first, and the thumbnail
    /// is its own as well.
    async fn discard_unnamed(&self, upload: &Upload, received: &Received, new: &Described) {
        let read = self.store.read();
        let now = read.uploads().get(upload.org_id, upload.asset_id).await;
        let Ok(now) = now else {
            return;
        };
        let named = now.and_then(|upload| upload.received);
        if named.is_none_or(|named| named.storage_key != received.storage_key)
            && let Some(thumbnail) = &new.asset().thumbnail_key
        {
            self.discard(thumbnail).await;
        }
    }

    /// Removes bytes that are not what they should be, and says what was wrong.
    async fn refuse(
        &self,
        upload: &Upload,
        received: &Received,
        message: String,
    ) -> Result<Fault, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let cleared = tx
            .uploads()
            .clear_received(upload.org_id, upload.asset_id, &received.storage_key)
            .await
            .map_err(faults::store)?;
        // Wrong bytes are not gone on from.
        let resumable = if cleared {
            tx.resumable_uploads()
                .reset(upload.org_id, upload.asset_id)
                .await
                .map_err(faults::store)?
        } else {
            None
        };
        let pieces = resumable.and_then(|row| row.progress);
        self.enqueue_abandonment(&mut tx, upload.org_id, pieces)
            .await?;
        tx.commit().await.map_err(faults::store)?;
        // ORDER: the row forgets the object before the object goes.
        if cleared {
            self.discard(&received.storage_key).await;
        }
        Ok(mismatch(message))
    }
}

fn mismatch(message: String) -> Fault {
    Fault::invalid_field("mime_type", "content_mismatch", message)
}
