//! One way in for every type: what a file says of itself, and its thumbnail.
//!
//! [`inspect`] is quick and touches no pixel; [`thumbnail_of`] may take seconds
//! for a video. Both read pictures in this process, and hand the rest to the
//! programs of [`crate::subprocess`].

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use crate::decode::Stored;
use crate::orient::Orientation;
use crate::probe::svg::sides;
use crate::subprocess::Programs;
use crate::thumbnail::{Thumbnail, of_stored, thumbnail_with};
use crate::{Budget, HEAD_BYTES, MediaError, MediaType, Probe, clip, page, probe, sniff};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The type, from the bytes.
    pub media_type: MediaType,
    /// The width in pixels, seen upright; a drawing need not tell one.
    pub width: Option<u32>,
    /// The height in pixels, seen upright; a drawing need not tell one.
    pub height: Option<u32>,
    /// How long a video or a sound lasts, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The codec of a video, or else of a sound, as ffmpeg names it.
    pub codec: Option<String>,
    /// How many frames a picture has, counted up to [`crate::MAX_FRAMES`].
    pub frames: Option<u32>,
}

/// Reads what a file of any accepted type says of itself.
///
/// # Errors
/// [`MediaError::Unsupported`] for a type that [`crate::types()`] does not list,
/// [`MediaError::ToolMissing`] for video and sound without ffmpeg, and those of
/// [`probe()`] and [`clip::probe_clip`].
pub fn inspect(
    file: &mut File,
    budget: &Budget,
    programs: &Programs,
) -> Result<Inspection, MediaError> {
    let media_type = type_of(file)?;
    let mut found = Inspection {
        media_type,
        width: None,
        height: None,
        duration_ms: None,
        codec: None,
        frames: None,
    };
    if media_type == MediaType::Svg {
        file.rewind()?;
        let told = sides(&mut BufReader::new(file))?;
        (found.width, found.height) = told.unzip();
        found.frames = Some(1);
    } else if media_type.is_picture() {
        let facts = probe(file, budget)?;
        found.width = Some(facts.width);
        found.height = Some(facts.height);
        found.frames = Some(facts.frames);
    } else if media_type.is_video() || media_type.is_audio() {
        let clip = clip::probe_clip(file, media_type, budget, programs)?;
        found.width = clip.width;
        found.height = clip.height;
        found.duration_ms = clip.duration_ms;
        found.codec = clip.codec;
    }
    Ok(found)
}

/// Makes the thumbnail of a file of any type that has one: a picture's own, a
/// frame of a video that is not black, the first page of a document.
///
/// # Errors
/// [`MediaError::Unsupported`] for a type without a picture,
/// [`MediaError::ToolMissing`] where a program is needed and not installed, and
/// those of [`crate::thumbnail()`], [`clip::frame`] and [`page::first_page`].
pub fn thumbnail_of(
    file: &mut File,
    budget: &Budget,
    programs: &Programs,
) -> Result<Thumbnail, MediaError> {
    let media_type = type_of(file)?;
    if media_type.is_picture() {
        return thumbnail_with(file, budget, programs);
    }
    let (picture, sides) = if media_type.is_video() {
        let clip = clip::probe_clip(file, media_type, budget, programs)?;
        let picture = clip::frame(file, media_type, &clip, budget, programs)?;
        (picture, clip.width.zip(clip.height))
    } else if media_type == MediaType::Pdf {
        (page::first_page(file, budget, programs)?, None)
    } else {
        return Err(MediaError::Unsupported {
            found: Some(media_type),
        });
    };
    let (width, height) = sides.unwrap_or((picture.width(), picture.height()));
    let source = Probe {
        media_type,
        width,
        height,
        has_alpha: false,
        animated: false,
        frames: 1,
        orientation: Orientation::Upright,
    };
    of_stored(Stored::whole(picture), source)
}

/// The type of a file, if an upload may have it.
fn type_of(file: &mut File) -> Result<MediaType, MediaError> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let found = sniff(&head).media_type;
    found
        .filter(|kind| kind.is_accepted())
        .ok_or(MediaError::Unsupported { found })
}

#[cfg(test)]
mod tests;
