//! Takes the bytes of an upload: staged, synced, then named by the session's row.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use runnel_blobs::{Key, Staged};
use runnel_store::uploads::Recorded;
use runnel_types::{Fault, Received, Upload};

use super::arrivals::Arrival;
use crate::assets::UploadGrant;
use crate::{Services, faults};

/// A body that is safely stored.
#[derive(Debug)]
pub struct Stored {
    /// The `ETag`, in its quotes.
    pub etag: String,
}

impl Services {
    /// Takes a body under a verified URL.
    ///
    /// # Errors
    /// `ASSET_UPLOAD_NOT_FOUND`; `CONFLICT` after the confirmation, or when another
    /// body took the place of this one; `SIGNATURE_INVALID` for another type than the
    /// signed one; `BAD_REQUEST` for another size, or a body that broke off;
    /// `UPLOAD_LOCKED` when bodies enough are arriving for this upload. Nothing is
    /// kept then, and an earlier complete body stays.
    pub async fn receive_upload<E: std::fmt::Display>(
        self: &Arc<Self>,
        grant: &UploadGrant,
        content_type: Option<&str>,
        content_length: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Stored, Fault> {
        let upload = self
            .open_upload(grant, content_type, content_length)
            .await?;
        // ORDER: before the file, so that it ends when the file is gone.
        let arrival = self.arrivals.begin(grant.asset_id, self.now());
        let arrival = arrival.ok_or_else(locked)?;
        let key = Key::asset(
            grant.org_id,
            grant.asset_id,
            self.ids.next(),
            &upload.filename,
        );
        let mut staged = self.blobs.stage_unpublished(&key);
        tokio::select! {
            // First: one that has come whole in the meantime is kept.
            biased;
            taken = self.take_in(&upload, body, &arrival, &mut staged) => taken?,
            () = arrival.overtaken() => return Err(overtaken()),
        }
        // A client that goes away now must not stop the work between the
        // object and its row: it runs to its end on a task of its own.
        let services = Arc::clone(self);
        let grant = grant.clone();
        let finishing = tokio::spawn(async move {
            let _arrival = arrival;
            services.keep_upload(&grant, &key, staged).await
        });
        finishing.await.map_err(Fault::internal)?
    }

    /// The session, when it may take such a body.
    async fn open_upload(
        &self,
        grant: &UploadGrant,
        content_type: Option<&str>,
        content_length: Option<u64>,
    ) -> Result<Upload, Fault> {
        let found = self
            .store
            .read()
            .uploads()
            .get(grant.org_id, grant.asset_id)
            .await
            .map_err(faults::store)?;
        let upload = found.ok_or_else(gone)?;
        if upload.confirmed_at.is_some() {
            return Err(confirmed());
        }
        if !content_type.is_some_and(|given| given.trim().eq_ignore_ascii_case(&grant.mime_type)) {
            let message = format!(
                "the Content-Type is {}, the URL was signed for {}; send the type that the upload was created with",
                content_type.unwrap_or("missing"),
                grant.mime_type
            );
            return Err(Fault::signature_invalid(message));
        }
        match content_length {
            Some(length) if length != upload.size_bytes => {
                Err(wrong_size(length, upload.size_bytes))
            }
            _ => Ok(upload),
        }
    }

    /// Takes the bytes until the body ends.
    async fn take_in<E: std::fmt::Display>(
        &self,
        upload: &Upload,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        arrival: &Arrival,
        staged: &mut Staged,
    ) -> Result<(), Fault> {
        // Whoever is that slow sends to a session that is being swept.
        let swept_at = upload.expires_at.plus(self.limits.sweep_after);
        let declared = upload.size_bytes;
        let mut size = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| {
                Fault::bad_request(format!("the body broke off after {size} bytes ({error}); nothing was kept, send it again"))
            })?;
            size += chunk.len() as u64;
            if size > declared {
                return Err(Fault::bad_request(format!(
                    "the body is longer than the {declared} bytes that the upload was created with; nothing was kept"
                )));
            }
            if self.now() >= swept_at {
                return Err(gone());
            }
            // A slow store is not the client's doing.
            arrival.awaits_nothing();
            staged.write(&chunk).await.map_err(faults::blob)?;
            arrival.awaits_more(self.now());
        }
        arrival.awaits_nothing();
        if size == declared {
            Ok(())
        } else {
            Err(wrong_size(size, declared))
        }
    }

    async fn keep_upload(
        &self,
        grant: &UploadGrant,
        key: &Key,
        staged: Staged,
    ) -> Result<Stored, Fault> {
        let stored = staged.finish().await.map_err(faults::blob)?;
        let received = Received {
            storage_key: key.to_string(),
            size_bytes: stored.size_bytes,
            sha256: stored.sha256.clone(),
        };
        // ORDER: the object first, then the row that names it; the other way
        // round a crash would leave a row that names nothing.
        let recorded = self
            .record_body(grant.org_id, grant.asset_id, &received)
            .await?;
        match recorded {
            Recorded::Recorded { .. } => Ok(Stored {
                etag: format!("\"{}\"", stored.sha256),
            }),
            Recorded::AlreadyConfirmed => Err(confirmed()),
            Recorded::Gone => Err(gone()),
        }
    }
}

fn gone() -> Fault {
    Fault::not_found(
        "ASSET_UPLOAD_NOT_FOUND",
        "this upload no longer exists; create a new one",
    )
}

fn locked() -> Fault {
    Fault::upload_locked(
        "two bodies are arriving for this upload already; send this one again when one of them has ended",
    )
}

fn overtaken() -> Fault {
    Fault::conflict(
        "nothing of this body came for a while, and another one took its place; nothing was kept, send it again",
    )
}

fn confirmed() -> Fault {
    Fault::conflict(
        "this upload was confirmed already and takes no more bytes; create a new upload",
    )
}

fn wrong_size(got: u64, declared: u64) -> Fault {
    Fault::bad_request(format!(
        "the body has {got} bytes, the upload was created with size_bytes {declared}; nothing was kept"
    ))
}
