//! Tells webhooks of assets that came to be, and of those that went.

use runnel_store::Tx;
use runnel_store::webhooks::Hearer;
use runnel_types::{Asset, EventType, Fault, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Services;
use crate::assets::AssetView;

/// The fields in the order in which the documentation shows them.
#[derive(Debug, Serialize)]
struct Payload {
    event: EventType,
    asset_id: String,
    asset: Value,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

impl Services {
    /// Tells of an asset that the transaction has inserted. `has_webhooks` is
    /// what its insertion said.
    pub(crate) async fn tell_asset_created(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        has_webhooks: bool,
    ) -> Result<(), Fault> {
        let event = EventType::AssetCreated;
        let hearers = self.hearers(tx, asset.org_id, event, has_webhooks).await?;
        self.tell_of_asset(tx, asset, event, &hearers).await
    }

    /// The same of an asset that the transaction has deleted.
    pub(crate) async fn tell_asset_deleted(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        has_webhooks: bool,
    ) -> Result<(), Fault> {
        let event = EventType::AssetDeleted;
        let hearers = self.hearers(tx, asset.org_id, event, has_webhooks).await?;
        self.tell_of_asset(tx, asset, event, &hearers).await
    }

    /// Tells `hearers` what became of an asset.
    pub(super) async fn tell_of_asset(
        &self,
        tx: &mut Tx,
        asset: &Asset,
        event: EventType,
        hearers: &[Hearer],
    ) -> Result<(), Fault> {
        if hearers.is_empty() {
            return Ok(());
        }
        let payload = Payload {
            event,
            asset_id: asset.id.to_string(),
            created_at: asset.created_at.to_callback_format(),
            deleted_at: asset.deleted_at.map(Timestamp::to_callback_format),
            asset: record(self.show_asset(asset.clone(), self.now())),
        };
        let payload = serde_json::to_string(&payload).map_err(Fault::internal)?;
        self.plan_event(tx, asset.org_id, event, hearers, &payload)
            .await
    }
}

/// The record as `GET /v1/assets/{id}` shows it. A deleted one has no URLs:
/// they would not work.
fn record(view: AssetView) -> Value {
    let asset = view.asset;
    let is_there = asset.deleted_at.is_none();
    json!({
        "id": asset.id,
        "org_id": asset.org_id,
        "folder_id": asset.folder_id,
        "name": asset.name,
        "r2_key": asset.storage_key,
        "url": is_there.then_some(view.url),
        "thumbnail_url": view.thumbnail_url.filter(|_| is_there),
        "mime_type": asset.mime_type,
        "size_bytes": asset.size_bytes,
        "asset_type": asset.asset_type,
        "source_type": asset.source_type,
        "source_id": asset.source_id,
        "created_by": asset.created_by,
        "created_at": asset.created_at.to_rfc3339(),
        "updated_at": asset.updated_at.to_rfc3339(),
        "deleted_at": asset.deleted_at.map(Timestamp::to_rfc3339),
        "deleted_by": asset.deleted_by,
        "created_by_user": null,
        "width": asset.width,
        "height": asset.height,
        "duration_ms": asset.duration_ms,
        "codec": asset.codec,
        "frames": asset.frames,
        "sha256": asset.sha256,
        "blurhash": asset.blurhash,
        "metadata": asset.metadata,
    })
}
