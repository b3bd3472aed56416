//! Signed URLs of assets, made afresh on every read.

use std::time::Duration;

use runnel_blobs::{Download, Key};
use runnel_types::{Asset, AssetId, Timestamp};

use super::disposition::{disposition, is_active};
use crate::Services;

/// What a stable reference to an asset begins with.
const REFERENCE: &str = "runflow://assets/";

/// The stable reference to an asset.
pub(crate) fn reference(id: AssetId) -> String {
    format!("{REFERENCE}{id}")
}

/// The asset that a stable reference names; `None` when `text` is no reference,
/// an error when it is one with something else than an id.
pub(crate) fn parse_reference(text: &str) -> Option<Result<AssetId, ()>> {
    text.strip_prefix(REFERENCE)
        .map(|id| id.parse().map_err(drop))
}

impl Services {
    /// A signed URL for the bytes of an asset.
    pub(crate) fn asset_url(&self, asset: &Asset, now: Timestamp) -> Option<String> {
        self.asset_url_for(asset, now, self.limits.asset_url_ttl)
    }

    /// The same for a time of the caller's own.
    pub(crate) fn asset_url_for(
        &self,
        asset: &Asset,
        now: Timestamp,
        valid_for: Duration,
    ) -> Option<String> {
        let is_active = is_active(&asset.mime_type, asset.asset_type);
        let download = Download {
            mime_type: &asset.mime_type,
            disposition: &disposition(&asset.name, is_active),
        };
        self.object_url(&asset.storage_key, now, valid_for, download)
    }

    /// A signed URL for the thumbnail of an asset.
    pub(crate) fn thumbnail_url(&self, asset: &Asset, now: Timestamp) -> Option<String> {
        let download = Download {
            mime_type: "image/webp",
            disposition: &disposition("thumbnail.webp", false),
        };
        let valid_for = self.limits.asset_url_ttl;
        self.object_url(asset.thumbnail_key.as_deref()?, now, valid_for, download)
    }

    /// A URL of the storage's own where it signs some, of ours otherwise.
    fn object_url(
        &self,
        storage_key: &str,
        now: Timestamp,
        valid_for: Duration,
        download: Download<'_>,
    ) -> Option<String> {
        let key = match storage_key.parse::<Key>() {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(storage.key = storage_key, %error, "a row names an object by a key that is none");
                return None;
            }
        };
        let presigned = self.blobs.presign_get(&key, now, valid_for, download);
        Some(presigned.unwrap_or_else(|| {
            self.signer
                .sign_get(&self.public_url, &key, now.plus(valid_for))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_strictly() {
        let id = "018f4e1a-0000-7000-8000-000000000001";
        assert_eq!(
            parse_reference(&format!("runflow://assets/{id}")),
            Some(Ok(id.parse().unwrap()))
        );
        assert_eq!(parse_reference("runflow://assets/../x"), Some(Err(())));
        assert_eq!(parse_reference("https://example.com/a.png"), None);
    }
}
