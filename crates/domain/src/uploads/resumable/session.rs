//! What a URL of a resumable upload allows, and how far the upload has come.

use runnel_blobs::{Key, Method, Progress};
use runnel_types::{AssetId, Fault, OrgId, ResumableUpload, Timestamp, Upload};

use crate::{Services, faults};

/// What the URL of a resumable upload allows.
#[derive(Debug, Clone)]
pub struct ResumableGrant {
    /// The organization in the URL.
    pub org_id: OrgId,
    /// The upload in the URL.
    pub asset_id: AssetId,
    /// Until when the upload may begin.
    pub begins_before: Timestamp,
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The bytes that are safely stored.
    pub offset: u64,
    /// The bytes of the whole.
    pub length: u64,
    /// When an unconfirmed upload is removed.
    pub expires_at: Timestamp,
}

/// Both rows of a resumable upload.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) upload: Upload,
    pub(super) row: ResumableUpload,
}

impl Session {
    /// What the storage needs to go on; `None` when nothing was begun, or all
    /// is in its place.
    pub(super) fn progress(&self) -> Result<Option<Progress>, Fault> {
        self.row.progress.as_deref().map(read_progress).transpose()
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.row.offset_bytes >= self.upload.size_bytes
    }
}

/// Reads what was kept for the storage.
pub(super) fn read_progress(text: &str) -> Result<Progress, Fault> {
    Progress::from_text(text)
        .map_err(|error| Fault::internal(format!("resumable_uploads.progress: {error}")))
}

impl Services {
    /// Whether the path of a storage URL is that of an upload.
    pub fn is_upload_path(path: &str) -> bool {
        matches!(path.parse(), Ok(Key::Upload { .. }))
    }

    /// Checks the URL of an upload for anything but a PUT. Whether its time
    /// matters depends on whether the upload has begun, so that is judged later.
    ///
    /// # Errors
    /// `SIGNATURE_INVALID`.
    pub fn check_resumable_url(&self, path: &str, query: &str) -> Result<ResumableGrant, Fault> {
        let (grant, begins_before) = self
            .signer
            .read_signed(Method::Put, path, query)
            .map_err(|error| Fault::signature_invalid(error.to_string()))?;
        match grant.key {
            Key::Upload { org, asset, .. } => Ok(ResumableGrant {
                org_id: org,
                asset_id: asset,
                begins_before,
            }),
            _ => Err(Fault::signature_invalid(
                "this URL is not one for an upload",
            )),
        }
    }

    /// How far an upload has come. Ends an append that is under way here: who
    /// asks is sending no more.
    ///
    /// # Errors
    /// `ASSET_UPLOAD_NOT_FOUND`, `CONFLICT` when it is not a resumable one,
    /// `URL_EXPIRED` when it did not begin in time.
    pub async fn resumable_position(&self, grant: &ResumableGrant) -> Result<Position, Fault> {
        let upload = self.session_upload(grant).await?;
        if upload.confirmed_at.is_some() {
            return Ok(self.position(&upload, upload.size_bytes));
        }
        self.turns.interrupt(grant.asset_id).await;
        let session = self.open_session(grant).await?;
        if session.is_whole() && session.row.progress.is_some() {
            self.complete_again(&session).await?;
        }
        Ok(self.position(&session.upload, session.row.offset_bytes))
    }

    pub(super) fn position(&self, upload: &Upload, offset: u64) -> Position {
        Position {
            offset,
            length: upload.size_bytes,
            expires_at: upload.expires_at.plus(self.limits.sweep_after),
        }
    }

    /// Both rows, of an upload that may still take bytes.
    pub(super) async fn open_session(&self, grant: &ResumableGrant) -> Result<Session, Fault> {
        let upload = self.session_upload(grant).await?;
        if upload.confirmed_at.is_some() {
            return Err(confirmed());
        }
        let row = self.resumable_row(&upload).await?.ok_or_else(|| {
            Fault::conflict(
                "this upload takes its bytes in one PUT; create it with \"resumable\": true to send them in pieces",
            )
        })?;
        let has_begun = row.progress.is_some() || row.offset_bytes > 0;
        if !has_begun {
            self.check_begins_in_time(grant)?;
        }
        Ok(Session { upload, row })
    }

    /// An upload that began in time may go on until it is swept.
    pub(super) fn check_begins_in_time(&self, grant: &ResumableGrant) -> Result<(), Fault> {
        if self.now() < grant.begins_before {
            return Ok(());
        }
        Err(Fault::url_expired(format!(
            "this URL expired at {} and nothing had arrived by then; create a new upload",
            grant.begins_before
        )))
    }

    pub(super) async fn resumable_row(
        &self,
        upload: &Upload,
    ) -> Result<Option<ResumableUpload>, Fault> {
        self.store
            .read()
            .resumable_uploads()
            .get(upload.org_id, upload.asset_id)
            .await
            .map_err(faults::store)
    }

    async fn session_upload(&self, grant: &ResumableGrant) -> Result<Upload, Fault> {
        let found = self
            .store
            .read()
            .uploads()
            .get(grant.org_id, grant.asset_id)
            .await
            .map_err(faults::store)?;
        found.ok_or_else(gone)
    }
}

pub(super) fn gone() -> Fault {
    Fault::not_found(
        "ASSET_UPLOAD_NOT_FOUND",
        "this upload no longer exists; create a new one",
    )
}

pub(super) fn confirmed() -> Fault {
    Fault::conflict(
        "this upload was confirmed already and takes no more bytes; create a new upload",
    )
}

/// Somebody else changed the row since it was read.
pub(super) fn overtaken() -> Fault {
    Fault::conflict(
        "another request went on with this upload; ask for the offset with HEAD and go on from there",
    )
}
