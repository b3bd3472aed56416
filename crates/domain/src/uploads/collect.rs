//! Collects the bytes that a client sent to the store itself.
//!
//! The URL of the PUT stays good until it expires, so what lies under its key
//! may change at any time. The confirmation works on a copy that the store
//! makes under a key of its own, and so on bytes that cannot change:
//!
//! 1. Size and first bytes of what was sent are checked, before anything large
//!    is read. What is wrong is removed.
//! 2. It is copied, and the copy is brought here, which tells its hash. *A
//!    crash leaves a copy that no row names.*
//! 3. The row is pointed at the copy, as after a PUT to the server. *From here
//!    on a sweep finds it.*
//! 4. When the asset's row is there, what was sent is removed. *A crash before
//!    leaves it for the purge of the asset.* Until then each confirmation
//!    collects afresh, so the last PUT wins.

use std::fs::File;

use runnel_blobs::{BlobError, Key, Meta};
use runnel_media::HEAD_BYTES;
use runnel_types::{Fault, Leftovers, Received, Upload};

use crate::assets::refuse_head;
use crate::{Services, faults};

/// What a client sent to the store itself.
#[derive(Debug)]
pub(super) enum Collected {
    /// Nothing yet, or the store takes no bytes from clients.
    Nothing,
    /// Something that is not what was declared. It is removed.
    Refused(String),
    /// A body, copied, and here as a file.
    Body(Body),
}

/// A body that was collected.
#[derive(Debug)]
pub(super) struct Body {
    /// The copy, as the row names it now.
    pub(super) received: Received,
    /// Its bytes.
    pub(super) file: File,
    sent: Meta,
}

/// The key that an upload's URL names.
pub(super) fn sent_key(upload: &Upload) -> Key {
    Key::upload(upload.org_id, upload.asset_id, &upload.filename)
}

impl Services {
    /// Copies what was sent for an upload, when something was.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` when the store fails: asking again begins anew.
    pub(super) async fn collect(&self, upload: &Upload) -> Result<Collected, Fault> {
        if !self.blobs.takes_uploads() {
            return Ok(Collected::Nothing);
        }
        let from = sent_key(upload);
        let Some(sent) = self.blobs.head(&from).await.map_err(faults::blob)? else {
            return Ok(Collected::Nothing);
        };
        match self.copy_sent(upload, &from, &sent).await {
            Ok(Ok((received, file))) => self.name_copy(upload, received, file, sent).await,
            Ok(Err(message)) => {
                self.forget_sent(upload, &sent).await;
                Ok(Collected::Refused(message))
            }
            // It was there a moment ago: lost, or swept.
            Err(BlobError::Missing { .. }) => Ok(Collected::Nothing),
            Err(error) => Err(faults::blob(error)),
        }
    }

    /// The copy and its bytes; the message of a refusal otherwise.
    async fn copy_sent(
        &self,
        upload: &Upload,
        from: &Key,
        sent: &Meta,
    ) -> Result<Result<(Received, File), String>, BlobError> {
        let wrong_size = |size: u64| {
            format!(
                "{size} bytes were sent, the upload was created with size_bytes {}; PUT the right ones",
                upload.size_bytes
            )
        };
        if sent.size_bytes != upload.size_bytes {
            return Ok(Err(wrong_size(sent.size_bytes)));
        }
        let head = self.blobs.read_head(from, HEAD_BYTES).await?;
        if let Some(message) = refuse_head(&head, Some(&upload.mime_type)) {
            return Ok(Err(message));
        }
        let key = Key::asset(
            upload.org_id,
            upload.asset_id,
            self.ids.next(),
            &upload.filename,
        );
        self.blobs.copy(from, &key).await?;
        let (file, stored) = match self.blobs.open_hashed(&key).await {
            Ok(opened) => opened,
            Err(error) => {
                self.discard(&key.to_string()).await;
                return Err(error);
            }
        };
        // A PUT may have come between the look and the copy.
        if stored.size_bytes != upload.size_bytes {
            self.discard(&key.to_string()).await;
            return Ok(Err(wrong_size(stored.size_bytes)));
        }
        let received = Received {
            storage_key: key.to_string(),
            size_bytes: stored.size_bytes,
            sha256: stored.sha256,
        };
        Ok(Ok((received, file)))
    }

    /// Points the session's row at the copy.
    async fn name_copy(
        &self,
        upload: &Upload,
        received: Received,
        file: File,
        sent: Meta,
    ) -> Result<Collected, Fault> {
        // ORDER: the object first, then the row that names it; the other way
        // round a crash would leave a row that names nothing.
        // Where another confirmation came first, the caller looks again and
        // answers with its asset, or with the upload being gone.
        self.record_body(upload.org_id, upload.asset_id, &received)
            .await?;
        Ok(Collected::Body(Body {
            received,
            file,
            sent,
        }))
    }

    /// Removes what was collected from where it was sent.
    pub(super) async fn forget_body(&self, upload: &Upload, body: &Body) {
        self.forget_sent(upload, &body.sent).await;
    }

    /// The same after the confirmation, when nothing that lies there counts any more.
    pub(super) async fn remove_sent(&self, upload: &Upload) {
        let key = sent_key(upload).to_string();
        self.remove_now(Leftovers::object(upload.org_id, key)).await;
    }

    /// Removes what was sent, if it still is what was looked at: a PUT may
    /// just have brought something better.
    async fn forget_sent(&self, upload: &Upload, sent: &Meta) {
        let key = sent_key(upload);
        match self.blobs.head(&key).await {
            Ok(Some(now)) if now == *sent => {
                // No job: a client may send something better there until it comes.
                if let Err(error) = self.blobs.delete(&key).await {
                    warn_of_sent(&key, &error);
                }
            }
            Ok(_) => {}
            Err(error) => warn_of_sent(&key, &error),
        }
    }
}

fn warn_of_sent(key: &Key, error: &BlobError) {
    tracing::warn!(storage.key = %key, %error, "what was sent for an upload could not be removed yet");
}
