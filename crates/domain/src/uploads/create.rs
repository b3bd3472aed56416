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
        let kind = mime_type.map(declared::check).and_then(|checked| {
            checked
                .map_err(|(rule, message)| fields.refuse("mime_type", rule, message))
                .ok()
        });
        let size_bytes = self.read_size(&mut fields, is_resumable, kind);
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

    /// The declared size, within the limits of the type and of the way that the
    /// bytes will take.
    fn read_size(
        &self,
        fields: &mut Fields<'_>,
        is_resumable: bool,
        kind: Option<MediaType>,
    ) -> Option<u64> {
        let limits = &self.limits;
        // What could not be read as a file of its type is not worth sending.
        let of_type = kind.and_then(MediaType::max_bytes).unwrap_or(u64::MAX);
        let in_pieces = limits.max_resumable_bytes.max(limits.max_upload_bytes);
        let in_pieces = in_pieces.min(of_type);
        let at_once = limits.max_upload_bytes.min(of_type);
        let size_bytes = fields.integer("size_bytes", 1, in_pieces)?;
        if is_resumable || size_bytes <= at_once {
            return Some(size_bytes);
        }
        let message = format!(
            "is {size_bytes}, the limit is {at_once}; with \"resumable\": true it is {in_pieces}, and the bytes are sent in pieces (tus 1.0)",
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
