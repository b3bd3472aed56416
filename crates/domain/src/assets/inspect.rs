//! Looks at stored bytes: their real type, and a picture's size and thumbnail.

use std::io::Read;
use std::sync::Arc;

use runnel_blobs::Key;
use runnel_media::{Budget, HEAD_BYTES, MediaError, MediaType, Thumbnail};
use runnel_types::{Asset, AssetType, Fault};

use crate::{Services, faults};

/// What was found in stored bytes.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) media_type: MediaType,
    pub(crate) thumbnail: Thumbnail,
}

/// The outcome of looking at stored bytes.
#[derive(Debug)]
pub(crate) enum Inspected {
    /// They are whole and of a supported type.
    Sound(Facts),
    /// They are not; the message is for whoever sent them.
    Refused(String),
}

impl Facts {
    /// Writes what was found onto a record.
    pub(crate) fn into_asset(self, asset: Asset) -> Asset {
        Asset {
            mime_type: self.media_type.as_mime().to_owned(),
            asset_type: self
                .media_type
                .asset_type()
                .parse()
                .unwrap_or(AssetType::Other),
            width: Some(self.thumbnail.source.width),
            height: Some(self.thumbnail.source.height),
            blurhash: Some(self.thumbnail.blurhash),
            ..asset
        }
    }
}

impl Services {
    /// Looks at the object at `storage_key`; with `declared`, its type must be that.
    pub(crate) async fn inspect_object(
        &self,
        storage_key: &str,
        declared: Option<&str>,
    ) -> Result<Inspected, Fault> {
        let key: Key = storage_key.parse().map_err(Fault::internal)?;
        let file = self.blobs.open_std(&key).await.map_err(faults::blob)?;
        self.inspect_opened(file, declared).await
    }

    /// Looks at a file that is open at its beginning.
    pub(crate) async fn inspect_opened(
        &self,
        file: std::fs::File,
        declared: Option<&str>,
    ) -> Result<Inspected, Fault> {
        let declared = declared.map(str::to_owned);
        self.with_pixels(move || inspect_file(file, declared.as_deref()))
            .await?
    }

    /// Runs work on pixels on a blocking thread, as many at once as there are slots.
    pub(crate) async fn with_pixels<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        // INVARIANT: the semaphore is never closed.
        let slot = Arc::clone(&self.pixel_slots)
            .acquire_owned()
            .await
            .map_err(Fault::internal)?;
        let working = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        working.await.map_err(Fault::internal)
    }

    /// Stores the thumbnail beside its asset's bytes and answers with its key.
    pub(crate) async fn keep_thumbnail(
        &self,
        storage_key: &str,
        facts: &Facts,
    ) -> Result<Option<String>, Fault> {
        let key: Key = storage_key.parse().map_err(Fault::internal)?;
        let thumbnail = key
            .thumbnail()
            .ok_or_else(|| Fault::internal(format!("{key} has no thumbnail beside it")))?;
        self.blobs
            .put_bytes(&thumbnail, &facts.thumbnail.webp)
            .await
            .map_err(faults::blob)?;
        Ok(Some(thumbnail.to_string()))
    }
}

fn inspect_file(mut file: std::fs::File, declared: Option<&str>) -> Result<Inspected, Fault> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    (&mut file)
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(Fault::internal)?;
    let media_type = match judge_head(&head, declared) {
        Ok(media_type) => media_type,
        Err(message) => return Ok(Inspected::Refused(message)),
    };
    match runnel_media::thumbnail(&mut file, &Budget::default()) {
        Ok(thumbnail) => Ok(Inspected::Sound(Facts {
            media_type,
            thumbnail,
        })),
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
    if let Some(declared) = declared
        && MediaType::from_mime(declared) != found
    {
        let found = found.map_or("of a type that is not known here", |kind| kind.as_mime());
        return Err(format!(
            "the upload was declared as {declared}, its bytes are {found}; create an upload with the right type"
        ));
    }
    found
        .filter(|kind| kind.is_supported())
        .ok_or_else(|| "the bytes are not of a supported type".to_owned())
}
