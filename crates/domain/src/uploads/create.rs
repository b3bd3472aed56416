//! Creates an upload session and signs the URL for its PUT.

use runnel_media::MediaType;
use runnel_types::{AssetId, Fault, Scope, Upload};
use serde_json::Value;

use super::collect::sent_key;
use super::declared;
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
    /// Creates a session from a body with `filename`, `mime_type`,
    /// `size_bytes` and perhaps `resumable`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming every wrong field; nothing is created then.
    pub async fn create_upload(&self, caller: &Caller, body: &Value) -> Result<NewUpload, Fault> {
        caller.require(Scope::AssetsCreate)?;
        let mut fields = Fields::of(body)?;
        let filename = fields.text("filename", 1, 500);
        let mime_type = fields.text("mime_type", 1, 255);
        let is_resumable = fields.optional_flag("resumable");
        let size_bytes = self.read_size(&mut fields, is_resumable);
        if let Some(mime_type) = mime_type {
            match declared::check(mime_type) {
                Ok(kind) => check_size(&mut fields, kind, size_bytes),
                Err((rule, message)) => fields.refuse("mime_type", rule, message),
            }
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
            expires_at: now.plus(if is_resumable {
                self.limits.resumable_url_ttl
            } else {
                self.limits.upload_url_ttl
            }),
            created_by: Some(caller.key_id()),
            created_at: now,
            received: None,
            confirmed_at: None,
        };
        // ORDER: signed first, so that a store that is away leaves no session.
        let upload_url = self.upload_url(&upload, is_resumable).await?;
        let mut tx = self.begin_once(caller).await?;
        tx.uploads().insert(&upload).await.map_err(faults::store)?;
        if is_resumable {
            tx.resumable_uploads()
                .insert(upload.org_id, upload.asset_id)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(NewUpload {
            asset_id: upload.asset_id,
            upload_url,
        })
    }

    /// The declared size, within the limit of the way that the bytes will take.
    fn read_size(&self, fields: &mut Fields<'_>, is_resumable: bool) -> Option<u64> {
        let limits = &self.limits;
        let resumable = limits.max_resumable_bytes.max(limits.max_upload_bytes);
        if is_resumable {
            return fields.integer("size_bytes", 1, resumable);
        }
        let size_bytes = fields.integer("size_bytes", 1, resumable)?;
        if size_bytes <= limits.max_upload_bytes {
            return Some(size_bytes);
        }
        let message = format!(
            "is {size_bytes}, the limit is {}; with \"resumable\": true it is {resumable}, and the bytes are sent in pieces (tus 1.0)",
            limits.max_upload_bytes
        );
        fields.refuse("size_bytes", "less_than_equal", message);
        None
    }

    /// Where the bytes go: to the storage itself where it takes them, unless
    /// they may come in pieces, of which it knows nothing.
    async fn upload_url(&self, upload: &Upload, is_resumable: bool) -> Result<String, Fault> {
        let key = sent_key(upload);
        let (mime_type, size_bytes) = (&upload.mime_type, upload.size_bytes);
        let valid_for = self.limits.upload_url_ttl;
        let presigned = if is_resumable {
            None
        } else {
            self.blobs
                .presign_put(&key, upload.created_at, valid_for, mime_type, size_bytes)
                .await
                .map_err(faults::blob)?
        };
        Ok(presigned.unwrap_or_else(|| {
            let expires = upload.expires_at;
            self.signer
                .sign_put(&self.public_url, &key, expires, mime_type, size_bytes)
        }))
    }
}

/// Refuses what could not be read as a file of its type: better now than when all
/// of it has been sent.
fn check_size(fields: &mut Fields<'_>, kind: MediaType, size_bytes: Option<u64>) {
    let (Some(size_bytes), Some(most)) = (size_bytes, kind.max_bytes()) else {
        return;
    };
    if size_bytes > most {
        let message = format!(
            "is {size_bytes}, the limit for {} is {most}, however it is sent; send a smaller one, or another type",
            kind.as_mime()
        );
        fields.refuse("size_bytes", "less_than_equal", message);
    }
}
