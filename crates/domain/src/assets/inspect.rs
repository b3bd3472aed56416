//! Looks at stored bytes: their real type, and what is known of them for it.
//!
//! Pictures are read here and now, so that their asset has its thumbnail from
//! the start. What a film, a sound or a document says of itself comes from a
//! program; where that is not installed, the file is an asset with fewer facts.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use runnel_blobs::{AtHand, BlobError, Key};
use runnel_media::subprocess::Programs;
use runnel_media::{
    Budget, HEAD_BYTES, Inspection, MediaError, MediaType, Thumbnail, declared_fits,
};
use runnel_types::{Asset, AssetType, Fault};

use super::draw::Drawn;
use crate::{Services, faults};

/// What was found in stored bytes.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) media_type: MediaType,
    width: Option<u32>,
    height: Option<u32>,
    duration_ms: Option<u64>,
    codec: Option<String>,
    frames: Option<u32>,
    pub(super) thumbnail: Drawn,
}

/// The outcome of looking at stored bytes.
#[derive(Debug)]
pub(crate) enum Inspected {
    /// They are whole and of a type that is taken.
    Sound(Facts),
    /// They are not; the message is for whoever sent them.
    Refused(String),
}

/// A file whose type is known.
enum Opened {
    /// A picture that was read in this process, with what came of it.
    Read(Result<Thumbnail, MediaError>),
    /// One of another type.
    Unread(MediaType, File),
    /// One of a type that it may not have.
    Refused(String),
}

impl Facts {
    /// Writes what was found onto a record, but for the thumbnail.
    pub(super) fn onto(&self, asset: Asset) -> Asset {
        Asset {
            mime_type: self.media_type.as_mime().to_owned(),
            asset_type: self
                .media_type
                .asset_type()
                .parse()
                .unwrap_or(AssetType::Other),
            width: self.width,
            height: self.height,
            duration_ms: self.duration_ms.and_then(|length| length.try_into().ok()),
            codec: self.codec.clone(),
            frames: self.frames,
            ..asset
        }
    }

    /// The facts of a file of which nothing but its type is known.
    const fn bare(media_type: MediaType) -> Self {
        Self {
            media_type,
            width: None,
            height: None,
            duration_ms: None,
            codec: None,
            frames: None,
            thumbnail: Drawn::Nothing,
        }
    }

    fn of(found: &Inspection) -> Self {
        Self {
            width: found.width,
            height: found.height,
            duration_ms: found.duration_ms,
            codec: found.codec.clone(),
            frames: found.frames,
            ..Self::bare(found.media_type)
        }
    }

    fn of_picture(thumbnail: Thumbnail) -> Self {
        let source = thumbnail.source;
        Self {
            width: Some(source.width),
            height: Some(source.height),
            frames: Some(source.frames),
            thumbnail: Drawn::Made(Box::new(thumbnail)),
            ..Self::bare(source.media_type)
        }
    }
}

impl Services {
    /// Looks at the object at `storage_key`; with `declared`, its type must be
    /// that. The thumbnail of a film or a document is waited for as long as
    /// `wait` says, or to its end; a picture's is always there.
    pub(crate) async fn inspect_object(
        &self,
        storage_key: &str,
        declared: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Inspected, Fault> {
        let key: Key = storage_key.parse().map_err(Fault::internal)?;
        let object = self.blobs.at_hand(&key).await.map_err(faults::blob)?;
        let inspected = self.inspect_at_hand(&key, object, declared, wait).await?;
        inspected.map_err(faults::blob)
    }

    /// Looks at the object `key`, which is at hand; answers with the storage's error
    /// where it cannot be opened.
    pub(crate) async fn inspect_at_hand(
        &self,
        key: &Key,
        object: AtHand,
        declared: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Result<Inspected, BlobError>, Fault> {
        let declared = declared.map(str::to_owned);
        let programs = self.programs.clone();
        // Opened by the thread that reads it, so that nothing is handed over between.
        let opened = self.with_pixels(move || {
            let file = object.open()?;
            Ok(open(file, declared.as_deref(), &programs))
        });
        match opened.await? {
            Ok(opened) => self.inspect_opened(key, opened?, wait).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Looks at what needs more than one look.
    async fn inspect_opened(
        &self,
        key: &Key,
        opened: Opened,
        wait: Option<Duration>,
    ) -> Result<Inspected, Fault> {
        let (media_type, file) = match opened {
            Opened::Refused(message) => return Ok(Inspected::Refused(message)),
            Opened::Read(thumbnail) => return judge(thumbnail.map(Facts::of_picture)),
            Opened::Unread(media_type, file) => (media_type, file),
        };
        if media_type.is_picture() {
            return self.inspect_picture(key, file).await;
        }
        if media_type.is_video() || media_type.is_audio() {
            return self.inspect_clip(key, media_type, file, wait).await;
        }
        let mut facts = Facts::bare(media_type);
        if media_type.has_thumbnail() {
            facts.thumbnail = self.draw_in_time(key, file, wait).await?;
        }
        Ok(Inspected::Sound(facts))
    }

    /// Looks at a picture that a program reads.
    async fn inspect_picture(&self, key: &Key, mut file: File) -> Result<Inspected, Fault> {
        let programs = self.programs.clone();
        let looked = self.with_programs(move || {
            let budget = Budget::default();
            // Its header is read without help, and says of a drawing whether
            // it has a size at all.
            let found = runnel_media::inspect(&mut file, &budget, &programs)?;
            let drawn = runnel_media::thumbnail_of(&mut file, &budget, &programs);
            Ok((Facts::of(&found), drawn))
        });
        let (mut facts, drawn) = match looked.await? {
            Ok(looked) => looked,
            Err(error) => return judge(Err(error)),
        };
        match drawn {
            Ok(thumbnail) => facts.thumbnail = Drawn::Made(Box::new(thumbnail)),
            Err(missing @ MediaError::ToolMissing { .. }) => tell_missing(key, &missing),
            Err(error) => return judge(Err(error)),
        }
        Ok(Inspected::Sound(facts))
    }

    /// Looks at a film or a sound.
    async fn inspect_clip(
        &self,
        key: &Key,
        media_type: MediaType,
        file: File,
        wait: Option<Duration>,
    ) -> Result<Inspected, Fault> {
        let programs = self.programs.clone();
        let looked = self.with_programs(move || {
            let mut file = file;
            let found = runnel_media::inspect(&mut file, &Budget::default(), &programs);
            (found, file)
        });
        let (found, file) = looked.await?;
        let mut facts = match found {
            Ok(found) => Facts::of(&found),
            Err(missing @ MediaError::ToolMissing { .. }) => {
                tell_missing(key, &missing);
                return Ok(Inspected::Sound(Facts::bare(media_type)));
            }
            Err(error) => return judge(Err(error)),
        };
        // A film may be sound alone.
        if media_type.has_thumbnail() && facts.width.is_some() {
            facts.thumbnail = self.draw_in_time(key, file, wait).await?;
        }
        Ok(Inspected::Sound(facts))
    }
}

/// Finds the type of a file, and reads it at once where that needs no program.
fn open(mut file: File, declared: Option<&str>, programs: &Programs) -> Result<Opened, Fault> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    (&mut file)
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(Fault::internal)?;
    let media_type = match judge_head(&head, declared) {
        Ok(media_type) => media_type,
        Err(message) => return Ok(Opened::Refused(message)),
    };
    if !media_type.is_supported() {
        return Ok(Opened::Unread(media_type, file));
    }
    Ok(
        match runnel_media::thumbnail_of(&mut file, &Budget::default(), programs) {
            // A rare form of it needs one after all.
            Err(MediaError::ToolMissing { .. }) => Opened::Unread(media_type, file),
            thumbnail => Opened::Read(thumbnail),
        },
    )
}

/// What an error means: the disk's is ours, any other one the file's.
fn judge(looked: Result<Facts, MediaError>) -> Result<Inspected, Fault> {
    match looked {
        Ok(facts) => Ok(Inspected::Sound(facts)),
        Err(MediaError::Read(error)) => Err(Fault::internal(error)),
        Err(error) => Ok(Inspected::Refused(error.to_string())),
    }
}

/// Why the first bytes of a file are not those of `declared`, when they are not.
pub(crate) fn refuse_head(head: &[u8], declared: Option<&str>) -> Option<String> {
    judge_head(head, declared).err()
}

/// The type of a file by its first bytes; the message of a refusal otherwise.
fn judge_head(head: &[u8], declared: Option<&str>) -> Result<MediaType, String> {
    let found = runnel_media::sniff(head).media_type;
    let is_declared = |declared: &str| found.is_some_and(|kind| declared_fits(declared, kind));
    if let Some(declared) = declared.filter(|declared| !is_declared(declared)) {
        let found = found.map_or("of a type that is not known here", MediaType::as_mime);
        return Err(format!(
            "the upload was declared as {declared}, its bytes are {found}; create an upload with the right type"
        ));
    }
    found.filter(|kind| kind.is_accepted()).ok_or_else(|| {
        "the bytes are not of a supported type; GET /v1/assets/types lists those that are"
            .to_owned()
    })
}

/// Tells whoever runs the server that it could do more.
pub(super) fn tell_missing(key: &Key, missing: &MediaError) {
    tracing::warn!(storage.key = %key, error = %missing, "an asset has fewer facts than it could have");
}
