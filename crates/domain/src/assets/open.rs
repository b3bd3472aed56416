//! Opens an object for a signed URL: no key, no organization, only the signature.

use std::sync::Arc;
use std::time::Duration;

use runnel_blobs::{Download, Grant, Key, Object, UrlError};
use runnel_types::{Asset, AssetId, Fault, OrgId};

use super::disposition::{disposition, is_active};
use super::transform::{Source, Wanted};
use crate::{Services, faults};

/// The longest that a client may keep what it fetched, in seconds. Not longer:
/// an asset can be deleted.
const MAX_AGE: u64 = 3600;

/// A request to a storage URL.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `GET`, `HEAD` or `PUT`.
    pub method: runnel_blobs::Method,
    /// The path below `/storage/`, as it was sent.
    pub path: &'a str,
    /// The query, as it was sent.
    pub query: &'a str,
}

/// What a verified upload URL allows.
#[derive(Debug, Clone)]
pub struct UploadGrant {
    /// The organization in the URL.
    pub org_id: OrgId,
    /// The upload in the URL.
    pub asset_id: AssetId,
    /// The signed type.
    pub mime_type: String,
    /// The signed size, in bytes.
    pub size_bytes: u64,
}

/// An object behind a signed URL, ready to be sent.
#[derive(Debug)]
pub struct Opened {
    /// Its name in the storage.
    pub key: Key,
    /// Its bytes.
    pub object: Object,
    /// A URL of the storage's own, where a client is to fetch the bytes.
    pub elsewhere: Option<String>,
    /// Its type.
    pub mime_type: String,
    /// The name under which a person would keep it.
    pub name: String,
    /// Its `ETag`, in quotes.
    pub etag: String,
    /// Whether a browser would run what it contains.
    pub is_active: bool,
    /// How long a client may keep it, in seconds: never past the URL's expiry.
    pub max_age: u64,
    /// Whether another `Accept` may get other bytes.
    pub is_negotiated: bool,
}

impl Services {
    /// Checks an upload URL.
    ///
    /// # Errors
    /// `URL_EXPIRED` or `SIGNATURE_INVALID`.
    pub fn check_upload_url(&self, request: SignedRequest<'_>) -> Result<UploadGrant, Fault> {
        let grant = self
            .signer
            .verify(request.method, request.path, request.query, self.now())
            .map_err(|error| url_fault(&error))?;
        match (grant.key, grant.mime_type, grant.size_bytes) {
            (Key::Upload { org, asset, .. }, Some(mime_type), Some(size_bytes)) => {
                Ok(UploadGrant {
                    org_id: org,
                    asset_id: asset,
                    mime_type,
                    size_bytes,
                })
            }
            _ => Err(Fault::signature_invalid(
                "this URL is not one for an upload",
            )),
        }
    }

    /// Opens what a signed URL names, for a client that sent `accept`. What a
    /// transform makes is made now if it was never asked for before.
    ///
    /// # Errors
    /// `URL_EXPIRED`, `SIGNATURE_INVALID`; `ASSET_NOT_FOUND` once the asset is
    /// deleted; `VALIDATION_ERROR` for a transform that cannot be made;
    /// `SERVICE_UNAVAILABLE` when too many wait to be made.
    pub async fn open_signed(
        self: &Arc<Self>,
        request: SignedRequest<'_>,
        accept: &str,
    ) -> Result<Opened, Fault> {
        let grant = self
            .signer
            .verify(request.method, request.path, request.query, self.now())
            .map_err(|error| url_fault(&error))?;
        let (Key::Asset { asset: id, .. } | Key::Thumbnail { asset: id, .. }) = &grant.key else {
            return Err(Fault::signature_invalid(
                "this URL is not one for a download",
            ));
        };
        let asset = self
            .store
            .read()
            .assets()
            .get_for_url(*id)
            .await
            .map_err(faults::store)?;
        let asset = asset
            .filter(|asset| asset.deleted_at.is_none())
            .ok_or_else(gone)?;
        if grant.transform.is_empty() {
            self.open_stored(&grant, asset).await
        } else {
            self.open_transformed(&grant, asset, accept).await
        }
    }

    /// Opens an object once more for a client that was given some of it. That its
    /// URL has expired since, or its asset was deleted, does not matter: it was
    /// right when the answer began.
    ///
    /// # Errors
    /// `ASSET_NOT_FOUND` when the object is gone.
    pub async fn open_again(&self, key: &Key) -> Result<Object, Fault> {
        let found = self.blobs.open_object(key).await.map_err(faults::blob)?;
        found.ok_or_else(gone)
    }

    /// Opens bytes that lie there as they are.
    async fn open_stored(self: &Arc<Self>, grant: &Grant, asset: Asset) -> Result<Opened, Fault> {
        let name = grant.key.to_string();
        let is_thumbnail = asset.thumbnail_key.as_ref() == Some(&name);
        if !is_thumbnail && asset.storage_key != name {
            return Err(gone());
        }
        let (asset, object) = if is_thumbnail {
            self.open_thumbnail(asset, &grant.key).await?
        } else {
            let opened = self.blobs.open_object(&grant.key).await;
            let found = opened.map_err(faults::blob)?;
            let object = found.ok_or_else(|| not_in_storage(&asset, &grant.key))?;
            (asset, object)
        };
        let base = asset.sha256.as_deref().unwrap_or(&name);
        let etag = match asset.thumbnail_crc32 {
            _ if !is_thumbnail => format!("\"{base}\""),
            Some(checksum) => format!("\"{base}-{checksum:08x}\""),
            // Such a key is written once, so it names the bytes.
            None => format!("\"{base}-thumbnail\""),
        };
        Ok(Opened {
            key: grant.key.clone(),
            object,
            elsewhere: None,
            etag,
            is_active: !is_thumbnail && is_active(&asset.mime_type, asset.asset_type),
            mime_type: if is_thumbnail {
                "image/webp".to_owned()
            } else {
                asset.mime_type
            },
            name: if is_thumbnail {
                "thumbnail.webp".to_owned()
            } else {
                asset.name
            },
            max_age: self.max_age(grant),
            is_negotiated: false,
        })
    }

    /// Opens what a transform makes. Where the storage serves URLs of its own,
    /// the client is sent there: its bytes need not pass through here.
    async fn open_transformed(
        self: &Arc<Self>,
        grant: &Grant,
        asset: Asset,
        accept: &str,
    ) -> Result<Opened, Fault> {
        let name = grant.key.to_string();
        if asset.storage_key != name {
            return Err(gone());
        }
        let wanted = Wanted::parse(&grant.transform)?;
        let source = Source::of(&asset)?.ok_or_else(|| {
            Fault::internal(format!(
                "a transform of {name} was signed, and it has no picture"
            ))
        })?;
        let transform = wanted.transform(accept, source.sides);
        let made = self.transformed(&source, transform).await?;
        let base = asset.sha256.as_deref().unwrap_or(&name);
        let stem = match asset.name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => &asset.name,
        };
        let name = format!("{stem}.{}", made.extension);
        let max_age = self.max_age(grant);
        let download = Download {
            mime_type: made.mime_type,
            disposition: &disposition(&name, false),
        };
        // A minute longer than a client may remember where it was sent.
        let valid_for = Duration::from_secs(max_age + 60);
        let elsewhere = self
            .blobs
            .presign_get(&made.key, self.now(), valid_for, download);
        Ok(Opened {
            etag: format!("\"{base}-{}\"", made.digest),
            name,
            key: made.key,
            object: made.object,
            elsewhere,
            mime_type: made.mime_type.to_owned(),
            is_active: false,
            max_age,
            is_negotiated: wanted.is_negotiated(),
        })
    }

    fn max_age(&self, grant: &Grant) -> u64 {
        let left = grant.expires.millis_since(self.now()) / 1000;
        u64::try_from(left).unwrap_or(0).min(MAX_AGE)
    }
}

/// The fault of an object that a row names and that is lost.
pub(super) fn not_in_storage(asset: &Asset, key: &Key) -> Fault {
    Fault::internal(format!(
        "the object {key} of the asset {} is not in storage",
        asset.id
    ))
}

pub(super) fn gone() -> Fault {
    Fault::not_found("ASSET_NOT_FOUND", "the asset behind this URL was deleted")
}

fn url_fault(error: &UrlError) -> Fault {
    match error {
        UrlError::Expired { .. } => Fault::url_expired(error.to_string()),
        UrlError::Invalid { .. } => Fault::signature_invalid(error.to_string()),
    }
}
