//! Creates an upload session and signs the URL for its PUT.

use runnel_media::{MediaType, SUPPORTED};
use runnel_types::{AssetId, Fault, Scope, Upload};
use serde_json::Value;

use super::collect::sent_key;
use crate::fields::Fields;
use crate::{Caller, Services, faults};

/// A session that was just created.
#[derive(Debug)]
pub struct NewUpload {
    /// The asset that a confirmation will make.
    pub asset_id: AssetId,
    /// Where the bytes go; it carries its own credentials.
    pub upload_url: String,
}

impl Services {
    /// Creates a session from a body with `filename`, `mime_type` and `size_bytes`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming every wrong field; nothing is created then.
    pub async fn create_upload(&self, caller: &Caller, body: &Value) -> Result<NewUpload, Fault> {
        caller.require(Scope::AssetsCreate)?;
        let mut fields = Fields::of(body)?;
        let filename = fields.text("filename", 1, 500);
        let mime_type = fields.text("mime_type", 1, 255);
        let size_bytes = fields.integer("size_bytes", 1, self.limits.max_upload_bytes);
        if let Some(mime_type) = mime_type
            && !is_supported(mime_type)
        {
            let supported: Vec<&str> = SUPPORTED.iter().map(|kind| kind.as_mime()).collect();
            let message = format!(
                "{mime_type:?} is not supported; the types are {}",
                supported.join(", ")
            );
            fields.refuse("mime_type", "unsupported", message);
        }
        fields.finish()?;
        // INVARIANT: a reading without faults has found every required field.
        let (Some(filename), Some(mime_type), Some(size_bytes)) = (filename, mime_type, size_bytes)
        else {
            return Err(Fault::internal(
                "a required field is missing after a reading without faults",
            ));
        };

        let now = self.now();
        let upload = Upload {
            asset_id: self.ids.next(),
            org_id: caller.org_id,
            filename: filename.to_owned(),
            mime_type: mime_type.to_owned(),
            size_bytes,
            expires_at: now.plus(self.limits.upload_url_ttl),
            created_by: Some(caller.key_id()),
            created_at: now,
            received: None,
            confirmed_at: None,
        };
        // ORDER: signed first, so that a store that is away leaves no session.
        let upload_url = self.upload_url(&upload).await?;
        let mut tx = self.begin_once(caller).await?;
        tx.uploads().insert(&upload).await.map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(NewUpload {
            asset_id: upload.asset_id,
            upload_url,
        })
    }

    /// Where the bytes go: to the storage itself where it takes them.
    async fn upload_url(&self, upload: &Upload) -> Result<String, Fault> {
        let key = sent_key(upload);
        let (mime_type, size_bytes) = (&upload.mime_type, upload.size_bytes);
        let valid_for = self.limits.upload_url_ttl;
        let presigned = self
            .blobs
            .presign_put(&key, upload.created_at, valid_for, mime_type, size_bytes)
            .await
            .map_err(faults::blob)?;
        Ok(presigned.unwrap_or_else(|| {
            let expires = upload.expires_at;
            self.signer
                .sign_put(&self.public_url, &key, expires, mime_type, size_bytes)
        }))
    }
}

fn is_supported(mime_type: &str) -> bool {
    MediaType::from_mime(mime_type).is_some_and(MediaType::is_supported)
}
