//! Other sides and formats of an asset's picture, made when they are fetched.
//!
//! A signed URL says what is wanted ([`wanted`]). What was made once lies in
//! storage beside the asset's bytes, under a digest of what was wanted, and is
//! served from there; it is made by one task, however many ask ([`flights`]), when
//! its organization's turn comes ([`places`]).
//! A crash at any step leaves nothing, or a whole result that the next request
//! finds; with the asset's bytes it is removed. Only an asset that is purged
//! within the seconds of making can leave a result that no row names.

mod accept;
mod flights;
mod places;
mod turns;
mod wanted;

use std::sync::Arc;

use runnel_blobs::{Key, Object};
use runnel_media::{Budget, Fit, Format, MediaError, MediaType, Transform, Transformed};
use runnel_types::{Asset, Fault, FieldFault, OrgId};
use sha2::{Digest, Sha256};

pub(super) use flights::Flight;
pub use flights::Flights;
pub(super) use places::Reader;
pub use places::Transforms;
pub(super) use turns::Unmade;
pub(crate) use wanted::Wanted;

use crate::{Services, faults};

/// What is digested with a transform. Results that were made by other means,
/// with other bytes for the same wish, ask for another number here.
const RECIPE: u32 = 1;

/// The picture that a transform begins with: a picture's own bytes, of
/// anything else its thumbnail.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Whose it is.
    org: OrgId,
    /// The bytes that the results lie beside.
    beside: Key,
    /// What is decoded.
    picture: Key,
    /// What reads it.
    reader: Reader,
    /// The sides, of a picture's own bytes.
    pub(crate) sides: Option<(u32, u32)>,
}

/// A result in storage.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) key: Key,
    pub(crate) object: Object,
    pub(crate) extension: &'static str,
    pub(crate) mime_type: &'static str,
    /// Tells it from every other transform of the same bytes.
    pub(crate) digest: String,
}

impl Source {
    /// The source of an asset; `None` for one that has no picture.
    pub(crate) fn of(asset: &Asset) -> Result<Option<Self>, Fault> {
        let key = |text: &str| text.parse::<Key>().map_err(Fault::internal);
        let beside = key(&asset.storage_key)?;
        let own = MediaType::from_mime(&asset.mime_type).filter(|kind| kind.is_picture());
        let is_picture = own.is_some();
        let reader = match own {
            Some(kind) if !kind.is_supported() => Reader::Program,
            // A thumbnail is a WebP.
            _ => Reader::Process,
        };
        let picture = match &asset.thumbnail_key {
            _ if is_picture => beside.clone(),
            Some(thumbnail) => key(thumbnail)?,
            None => return Ok(None),
        };
        let sides = asset.width.zip(asset.height).filter(|_| is_picture);
        Ok(Some(Self {
            org: asset.org_id,
            beside,
            picture,
            reader,
            sides,
        }))
    }
}

impl Services {
    /// What `transform` makes of a picture, from storage or made now.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the picture cannot be brought into that form, and
    /// `SERVICE_UNAVAILABLE` when too many wait to be made.
    pub(crate) async fn transformed(
        self: &Arc<Self>,
        source: &Source,
        transform: Transform,
    ) -> Result<Made, Fault> {
        let digest = digest(&transform);
        let name = format!("{} {digest}", source.beside);
        let found = self.find_made(source, &transform, &digest).await?;
        if let Some(found) = found {
            return Ok(found);
        }
        // ORDER: the storage first; another process may have made it meanwhile.
        if let Some(fault) = self.transforms.known_failure(&name, self.now()) {
            return Err(fault);
        }
        let start = |flight: Flight| {
            let making = make(Arc::clone(self), source.clone(), transform, flight);
            drop(tokio::spawn(making));
        };
        self.flights.join(&name, start).await?;
        let found = self.find_made(source, &transform, &digest).await?;
        found.ok_or_else(|| Fault::internal(format!("{name} was made and is not in storage")))
    }

    async fn find_made(
        &self,
        source: &Source,
        transform: &Transform,
        digest: &str,
    ) -> Result<Option<Made>, Fault> {
        for media_type in outcomes(transform.format) {
            let (extension, key) = result_key(source, digest, *media_type)?;
            let object = self.blobs.open_object(&key).await.map_err(faults::blob)?;
            if let Some(object) = object {
                return Ok(Some(Made {
                    key,
                    object,
                    extension,
                    mime_type: media_type.as_mime(),
                    digest: digest.to_owned(),
                }));
            }
        }
        Ok(None)
    }

    /// Makes a result, in a place of its reader.
    async fn make_and_keep(
        &self,
        source: &Source,
        transform: Transform,
        by: Reader,
    ) -> Result<Result<(), MediaError>, Fault> {
        let digest = digest(&transform);
        // Whoever looked before another task was done, and joined after it.
        let found = self.find_made(source, &transform, &digest).await?;
        if found.is_some() {
            return Ok(Ok(()));
        }
        let mut file = self
            .blobs
            .open_std(&source.picture)
            .await
            .map_err(faults::blob)?;
        let programs = self.programs_of(by);
        let working = tokio::task::spawn_blocking(move || {
            runnel_media::transform(&mut file, &transform, &Budget::default(), &programs)
        });
        let made = working.await.map_err(Fault::internal)?;
        let Transformed {
            bytes, media_type, ..
        } = match made {
            Ok(made) => made,
            Err(error) => return Ok(Err(error)),
        };
        let (_, key) = result_key(source, &digest, media_type)?;
        let kept = self.blobs.put_bytes(&key, &bytes).await;
        kept.map(|_| Ok(())).map_err(faults::blob)
    }
}

/// Makes a result when the turn of its organization comes.
async fn make(services: Arc<Services>, source: Source, transform: Transform, flight: Flight) {
    let make = |by| services.make_and_keep(&source, transform, by);
    let made = services.in_turn(source.org, source.reader, &flight, make);
    let outcome = match made.await {
        Ok(()) => Ok(()),
        Err(Unmade::Abandoned) => return,
        Err(Unmade::Refused(error, by)) => {
            let now = services.now();
            Err(services.transforms.failed(flight.name(), error, by, now))
        }
        Err(Unmade::Failed(fault)) => Err(fault),
    };
    flight.land(outcome);
}

/// The types that a format may come out as.
const fn outcomes(format: Format) -> &'static [MediaType] {
    match format {
        Format::WebP => &[MediaType::WebP],
        Format::Avif => &[MediaType::Avif],
        Format::Jpeg => &[MediaType::Jpeg],
        Format::Png => &[MediaType::Png],
        Format::Plain => &[MediaType::Jpeg, MediaType::Png],
    }
}

fn result_key(
    source: &Source,
    digest: &str,
    media_type: MediaType,
) -> Result<(&'static str, Key), Fault> {
    let extension = match media_type {
        MediaType::Avif => "avif",
        MediaType::Jpeg => "jpg",
        MediaType::Png => "png",
        _ => "webp",
    };
    let key = source.beside.transform(digest, extension);
    let key = key.ok_or_else(|| {
        Fault::internal(format!(
            "{} cannot have {digest}.{extension} beside it",
            source.beside
        ))
    })?;
    Ok((extension, key))
}

/// 20 hex letters for everything that changes a byte of the result.
fn digest(transform: &Transform) -> String {
    let Transform {
        width,
        height,
        fit,
        format,
        quality,
    } = *transform;
    let side = |side: Option<u32>| side.map_or_else(|| "-".to_owned(), |side| side.to_string());
    let fit = match fit {
        Fit::Contain => "contain",
        Fit::Cover => "cover",
        Fit::Crop => "crop",
    };
    let word = match format {
        Format::WebP => "webp",
        Format::Avif => "avif",
        Format::Jpeg => "jpeg",
        Format::Png => "png",
        Format::Plain => "plain",
    };
    let quality = quality.unwrap_or_else(|| format.default_quality());
    let text = format!(
        "{RECIPE} {} {} {fit} {word} {quality}",
        side(width),
        side(height)
    );
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(20);
    digest
}

/// What was wanted and cannot be had, of a URL.
fn refused(error: MediaError) -> Fault {
    match error {
        MediaError::Read(error) => Fault::internal(error),
        MediaError::ToolMissing { .. } => Fault::unavailable(error.to_string()),
        other => Fault::invalid(vec![FieldFault {
            loc: vec!["path".to_owned(), "key".to_owned()],
            rule: "transform",
            message: other.to_string(),
        }]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_wish_has_a_digest_of_its_own() {
        let plain = Transform {
            width: None,
            height: None,
            fit: Fit::Contain,
            format: Format::WebP,
            quality: None,
        };
        let all = [
            plain,
            Transform {
                width: Some(8),
                ..plain
            },
            Transform {
                height: Some(8),
                ..plain
            },
            Transform {
                fit: Fit::Cover,
                ..plain
            },
            Transform {
                fit: Fit::Crop,
                ..plain
            },
            Transform {
                format: Format::Jpeg,
                ..plain
            },
            Transform {
                format: Format::Plain,
                ..plain
            },
            Transform {
                quality: Some(81),
                ..plain
            },
        ];
        let digests: HashSet<String> = all.iter().map(digest).collect();
        assert_eq!(digests.len(), all.len());
        // Saying what holds anyway changes nothing.
        let said = Transform {
            quality: Some(80),
            ..plain
        };
        assert_eq!(digest(&said), digest(&plain));
    }
}
