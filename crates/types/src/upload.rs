//! Uploads: a session from the request for a URL to the confirmed asset.

use crate::id::{ApiKeyId, AssetId, OrgId};
use crate::time::Timestamp;

/// An upload session. Its id is that of the asset it will become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The asset that a confirmation will make.
    pub asset_id: AssetId,
    /// The organization.
    pub org_id: OrgId,
    /// The name given, kept as it is and never used as a path.
    pub filename: String,
    /// The type declared.
    pub mime_type: String,
    /// The size declared, in bytes.
    pub size_bytes: u64,
    /// Until when a PUT to its URL may begin.
    pub expires_at: Timestamp,
    /// The key that created it.
    pub created_by: Option<ApiKeyId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The last complete body, when one has arrived.
    pub received: Option<Received>,
    /// When it was confirmed; no body is taken after that.
    pub confirmed_at: Option<Timestamp>,
}

/// How far an upload has come whose bytes arrive in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumableUpload {
    /// The session's id.
    pub asset_id: AssetId,
    /// The organization.
    pub org_id: OrgId,
    /// The bytes that are safely stored.
    pub offset_bytes: u64,
    /// What the storage needs to go on; absent before the first byte and after
    /// the last.
    pub progress: Option<String>,
    /// Grows with every change.
    pub version: i64,
}

/// A complete body of an upload, as it lies in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Where it lies. Each body has a key of its own, so that what a
    /// confirmation looks at cannot change under it.
    pub storage_key: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of its bytes, 64 hex characters.
    pub sha256: String,
}
