//! Assets, and the form in which every operation shows them.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod restore;
pub(crate) mod types;
pub(crate) mod urls;

use std::collections::HashMap;

use runnel_domain::assets::AssetView;
use runnel_types::{ApiKey, ApiKeyId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A stored file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AssetResponse {
    /// The asset; `runflow://assets/{id}` is its stable reference.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// The folder that it lies in.
    folder_id: Option<Uuid>,
    /// The name given.
    name: String,
    /// Where its bytes lie in storage.
    r2_key: String,
    /// A signed URL for its bytes; signed afresh on every read.
    url: String,
    /// A signed URL for its thumbnail, where it has one; a video's or a
    /// document's may come some seconds after the asset.
    thumbnail_url: Option<String>,
    /// Its type, as found in its bytes.
    mime_type: String,
    /// Its size, as found in storage.
    size_bytes: u64,
    /// `image`, `video`, `audio`, `document`, `archive` or `other`.
    asset_type: &'static str,
    /// `upload`, `inline`, `run_output` or `url_import`.
    source_type: &'static str,
    /// What it came from, such as the id of a run.
    source_id: Option<String>,
    /// The key that created it.
    created_by: Option<Uuid>,
    /// When it was created.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// When it was deleted.
    deleted_at: Option<String>,
    /// The key that deleted it.
    deleted_by: Option<Uuid>,
    /// Who created it, with `embed=created_by_user`; a key, in the shape of a user.
    created_by_user: Option<Value>,
    /// Width in pixels, as shown.
    width: Option<u32>,
    /// Height in pixels, as shown.
    height: Option<u32>,
    /// Length in milliseconds, of a video or a sound.
    duration_ms: Option<i64>,
    /// The codec of a video, or else of a sound, such as `h264` or `mp3`.
    codec: Option<String>,
    /// How many frames a picture has, counted up to ten thousand; more than one when
    /// it is animated.
    frames: Option<u32>,
    /// SHA-256 of its bytes, in hex.
    sha256: Option<String>,
    /// A short text from which a blurred preview can be drawn.
    blurhash: Option<String>,
    /// Whatever its owner keeps with it.
    metadata: Option<Value>,
}

impl AssetResponse {
    /// The same with its creator, when one of `keys` is.
    pub(crate) fn with_creator(self, keys: Option<&HashMap<ApiKeyId, ApiKey>>) -> Self {
        let creator = keys.zip(self.created_by).and_then(|(keys, id)| {
            let key = keys.get(&id.into())?;
            Some(json!({
                "id": id,
                "email": null,
                "first_name": key.name,
                "last_name": null,
                "avatar_url": null,
            }))
        });
        Self {
            created_by_user: creator,
            ..self
        }
    }
}

impl From<AssetView> for AssetResponse {
    fn from(view: AssetView) -> Self {
        let asset = view.asset;
        Self {
            id: asset.id.as_uuid(),
            org_id: asset.org_id.as_uuid(),
            folder_id: asset.folder_id.map(Into::into),
            name: asset.name,
            r2_key: asset.storage_key,
            url: view.url,
            thumbnail_url: view.thumbnail_url,
            mime_type: asset.mime_type,
            size_bytes: asset.size_bytes,
            asset_type: asset.asset_type.as_str(),
            source_type: asset.source_type.as_str(),
            source_id: asset.source_id,
            created_by: asset.created_by.map(Into::into),
            created_at: asset.created_at.to_rfc3339(),
            updated_at: asset.updated_at.to_rfc3339(),
            deleted_at: asset.deleted_at.map(runnel_types::Timestamp::to_rfc3339),
            deleted_by: asset.deleted_by.map(Into::into),
            created_by_user: None,
            width: asset.width,
            height: asset.height,
            duration_ms: asset.duration_ms,
            codec: asset.codec,
            frames: asset.frames,
            sha256: asset.sha256,
            blurhash: asset.blurhash,
            metadata: asset.metadata,
        }
    }
}
