//! Makes signed URLs of an asset on request: for a time, with a transform.

use std::time::Duration;

use runnel_blobs::Key;
use runnel_types::{Asset, AssetId, Fault, Scope, Timestamp};
use serde_json::Value;

use super::transform::{Source, Wanted};
use crate::fields::Fields;
use crate::{Caller, Services};

/// The longest life of a URL: seven days, as with every S3-compatible store.
const MAX_LIFE_SECONDS: u64 = 7 * 24 * 60 * 60;

/// A URL that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUrl {
    /// The URL.
    pub url: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The width of what it leads to, in pixels, where that is known.
    pub width: Option<u32>,
    /// The height, likewise.
    pub height: Option<u32>,
}

impl Services {
    /// Signs a URL for an asset, or for what a transform makes of it. Nothing
    /// is made before it is fetched.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for fields that are wrong, for an asset without a
    /// picture and for results that are too large; `ASSET_NOT_FOUND`.
    pub async fn sign_asset_url(
        &self,
        caller: &Caller,
        id: AssetId,
        body: &Value,
    ) -> Result<SignedUrl, Fault> {
        caller.require(Scope::AssetsRead)?;
        let mut fields = Fields::of(body)?;
        let wanted = Wanted::read(&mut fields);
        let seconds = fields.optional_integer("expires_in", 1, MAX_LIFE_SECONDS);
        fields.finish()?;
        let asset = self.get_asset(caller, id).await?;
        let life = seconds.map_or(self.limits.asset_url_ttl, Duration::from_secs);
        // A URL knows whole seconds.
        let expires = self.now().plus(life).as_seconds();
        let expires_at = Timestamp::from_micros(expires.saturating_mul(1_000_000));
        let key: Key = asset.storage_key.parse().map_err(Fault::internal)?;
        let parameters = wanted.parameters();
        let (sides, url) = if parameters.is_empty() {
            let url = self.asset_url_for(&asset, self.now(), life);
            let broken = || Fault::internal(format!("{key} could not be signed"));
            (asset.width.zip(asset.height), url.ok_or_else(broken)?)
        } else {
            let sides = result_sides(&asset, &wanted)?;
            let url = self
                .signer
                .sign_transform(&self.public_url, &key, expires_at, parameters);
            (sides, url)
        };
        Ok(SignedUrl {
            url,
            expires_at,
            width: sides.map(|(width, _)| width),
            height: sides.map(|(_, height)| height),
        })
    }
}

/// The sides of what a transform makes of an asset, where they are known.
fn result_sides(asset: &Asset, wanted: &Wanted) -> Result<Option<(u32, u32)>, Fault> {
    let source = Source::of(asset)?.ok_or_else(|| {
        let message = format!(
            "the asset is {} and has no picture to transform; leave w, h, fit, format and q out for a URL of its bytes",
            asset.mime_type
        );
        Fault::invalid_field(wanted.first_field(), "no_picture", message)
    })?;
    let Some((width, height)) = source.sides else {
        return Ok(None);
    };
    let sides = wanted.transform("", source.sides).sides(width, height);
    let too_large =
        |error: runnel_media::MediaError| Fault::invalid_field("w", "too_large", error.to_string());
    sides.map(Some).map_err(too_large)
}
