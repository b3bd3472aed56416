//! Assets: files that are whole, of a known type, and belong to somebody.

use crate::id::{ApiKeyId, AssetId, FolderId, OrgId};
use crate::list::{Field, FieldKind, Listed};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// What sort of thing an asset is.
    AssetType {
        /// A picture.
        Image = "image",
        /// Moving pictures.
        Video = "video",
        /// Sound.
        Audio = "audio",
        /// Something to read.
        Document = "document",
        /// A collection of files.
        Archive = "archive",
        /// Anything else.
        Other = "other",
    }
}

text_enum! {
    /// How an asset came to be.
    SourceType {
        /// Uploaded through a session.
        Upload = "upload",
        /// Sent within a run's input as a `data:` URI.
        Inline = "inline",
        /// Made by a run.
        RunOutput = "run_output",
        /// Fetched from a URL.
        UrlImport = "url_import",
    }
}

/// A stored file.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// The asset.
    pub id: AssetId,
    /// The organization.
    pub org_id: OrgId,
    /// The folder that it lies in.
    pub folder_id: Option<FolderId>,
    /// The name given.
    pub name: String,
    /// Where its bytes lie.
    pub storage_key: String,
    /// Where its thumbnail lies.
    pub thumbnail_key: Option<String>,
    /// Its type, as found in its bytes.
    pub mime_type: String,
    /// Its size in bytes, as found in storage.
    pub size_bytes: u64,
    /// What sort of thing it is.
    pub asset_type: AssetType,
    /// How it came to be.
    pub source_type: SourceType,
    /// What it came from: the run's id for a run's output.
    pub source_id: Option<String>,
    /// The key that created it.
    pub created_by: Option<ApiKeyId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; it is invisible from then on.
    pub deleted_at: Option<Timestamp>,
    /// The key that deleted it.
    pub deleted_by: Option<ApiKeyId>,
    /// Width in pixels, as shown (after orientation).
    pub width: Option<u32>,
    /// Height in pixels, as shown.
    pub height: Option<u32>,
    /// Length in milliseconds, of a video or a sound.
    pub duration_ms: Option<i64>,
    /// The codec of a video, or else of a sound, such as `h264`.
    pub codec: Option<String>,
    /// How many frames a picture has, counted up to ten thousand; more than one when
    /// it is animated.
    pub frames: Option<u32>,
    /// SHA-256 of its bytes, 64 hex characters.
    pub sha256: Option<String>,
    /// CRC-32 of its thumbnail's bytes, where the thumbnail can be drawn again from
    /// its own: whoever reads it looks whether it is whole.
    pub thumbnail_crc32: Option<u32>,
    /// A short text from which a blurred preview can be drawn.
    pub blurhash: Option<String>,
    /// Whatever its owner keeps with it.
    pub metadata: Option<serde_json::Value>,
}

impl Listed for Asset {
    const LIST: &'static str = "assets";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("folder_id", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("name", FieldKind::Text),
        Field::new("mime_type", FieldKind::Text),
        Field::new("size_bytes", FieldKind::Integer),
        Field::new("asset_type", FieldKind::Word(AssetType::WORDS)),
        Field::new("source_type", FieldKind::Word(SourceType::WORDS)),
        Field::new("source_id", FieldKind::Text)
            .nullable()
            .unsortable(),
        Field::new("created_by", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("updated_at", FieldKind::Time),
        Field::new("width", FieldKind::Integer).nullable(),
        Field::new("height", FieldKind::Integer).nullable(),
        Field::new("duration_ms", FieldKind::Integer).nullable(),
        Field::new("codec", FieldKind::Text).nullable(),
        Field::new("frames", FieldKind::Integer).nullable(),
        Field::new("sha256", FieldKind::Text)
            .nullable()
            .unsortable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &["folder_id", "asset_type"];
}

impl Asset {
    /// A record with nothing known yet but how and when it came to be, to be
    /// filled in by struct update.
    pub fn new(source_type: SourceType, now: Timestamp) -> Self {
        let nil = uuid::Uuid::nil();
        Self {
            id: nil.into(),
            org_id: nil.into(),
            folder_id: None,
            name: String::new(),
            storage_key: String::new(),
            thumbnail_key: None,
            mime_type: String::new(),
            size_bytes: 0,
            asset_type: AssetType::Other,
            source_type,
            source_id: None,
            created_by: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            deleted_by: None,
            width: None,
            height: None,
            duration_ms: None,
            codec: None,
            frames: None,
            sha256: None,
            thumbnail_crc32: None,
            blurhash: None,
            metadata: None,
        }
    }
}
