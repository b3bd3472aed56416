//! Opens an object for a signed URL: no key, no organization, only the signature.

use runnel_blobs::{Key, Object, UrlError};
use runnel_types::{AssetId, Fault, OrgId};

use super::disposition::is_active;
use crate::{Services, faults};

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
    /// Its bytes.
    pub object: Object,
    /// Its type.
    pub mime_type: String,
    /// The name under which a person would keep it.
    pub name: String,
    /// Its `ETag`, in quotes.
    pub etag: String,
    /// Whether a browser would run what it contains.
    pub is_active: bool,
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

    /// Opens the object that a signed URL names.
    ///
    /// # Errors
    /// `URL_EXPIRED`, `SIGNATURE_INVALID`; `ASSET_NOT_FOUND` once the asset is
    /// deleted.
    pub async fn open_signed(&self, request: SignedRequest<'_>) -> Result<Opened, Fault> {
        let grant = self
            .signer
            .verify(request.method, request.path, request.query, self.now())
            .map_err(|error| url_fault(&error))?;
        let gone = || Fault::not_found("ASSET_NOT_FOUND", "the asset behind this URL was deleted");
        let (Key::Asset { asset: id, .. } | Key::Thumbnail { asset: id, .. }) = grant.key else {
            return Err(Fault::signature_invalid(
                "this URL is not one for a download",
            ));
        };
        let asset = self
            .store
            .read()
            .assets()
            .get_for_url(id)
            .await
            .map_err(faults::store)?;
        let asset = asset
            .filter(|asset| asset.deleted_at.is_none())
            .ok_or_else(gone)?;
        let name = grant.key.to_string();
        let is_thumbnail = asset.thumbnail_key.as_ref() == Some(&name);
        if !is_thumbnail && asset.storage_key != name {
            return Err(gone());
        }
        let object = self
            .blobs
            .open_object(&grant.key)
            .await
            .map_err(faults::blob)?
            .ok_or_else(|| {
                Fault::internal(format!(
                    "the object {name} of the asset {id} is not in storage"
                ))
            })?;
        let etag = match (&asset.sha256, is_thumbnail) {
            (Some(sha256), false) => format!("\"{sha256}\""),
            // A key is written once, so the key names the bytes.
            _ => format!("\"{}-thumbnail\"", asset.sha256.as_deref().unwrap_or(&name)),
        };
        Ok(Opened {
            object,
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
        })
    }
}

fn url_fault(error: &UrlError) -> Fault {
    match error {
        UrlError::Expired { .. } => Fault::url_expired(error.to_string()),
        UrlError::Invalid { .. } => Fault::signature_invalid(error.to_string()),
    }
}
