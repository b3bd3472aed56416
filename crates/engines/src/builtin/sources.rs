//! The pictures of a run's input: given each by itself, or in a bundle.

use std::io::Cursor;

use runnel_media::archive::read_entry;
use runnel_media::{Budget, MediaError, MediaType, Picture, Want};

use super::catalogue;
use crate::engine::{EngineError, InputContent, InputFile, Work};

/// The longest side to which a reference is decoded, when its type allows that:
/// it becomes a background, and is not sharp there.
const REFERENCE_SIDE: u32 = 4096;

/// The input that is an archive with the pictures.
const BUNDLE: &str = "zip_url";

/// A decoded picture and what it was called.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) picture: Picture,
}

/// The picture that the run is about.
pub(super) fn picture(work: &Work) -> Result<Source, EngineError> {
    source(work, catalogue::PICTURE_INPUTS, "file_image", Want::Full)?.ok_or_else(|| {
        EngineError::invalid_input("the run has no picture; give image_url or asset_id")
    })
}

/// The picture that is to be the background, when there is one.
pub(super) fn reference(work: &Work) -> Result<Option<Source>, EngineError> {
    let want = Want::AtLeast {
        longest_side: REFERENCE_SIDE,
    };
    source(
        work,
        &["reference_asset_id", "reference_url"],
        "file_reference",
        want,
    )
}

fn source(
    work: &Work,
    inputs: &[&str],
    in_bundle: &str,
    want: Want,
) -> Result<Option<Source>, EngineError> {
    if let Some(file) = inputs.iter().find_map(|name| work.files.get(*name)) {
        let picture = decode(&file.name, bytes(file)?, want)?;
        return Ok(Some(Source {
            name: file.name.clone(),
            picture,
        }));
    }
    let entry = work.input.get(in_bundle).and_then(|name| name.as_str());
    let (Some(entry), Some(bundle)) = (entry, work.files.get(BUNDLE)) else {
        return Ok(None);
    };
    let budget = Budget::default();
    let unpacked = read_entry(bytes(bundle)?, entry, budget.max_bytes)
        .map_err(|error| EngineError::invalid_input(format!("{}: {error}", bundle.name)))?;
    let shown: String = entry.chars().take(80).collect();
    let name = format!("{} in {}", shown, bundle.name);
    let picture = decode(&name, &unpacked, want)?;
    Ok(Some(Source {
        name: file_name(entry).to_owned(),
        picture,
    }))
}

/// The last part of a name in an archive, which may look like a path.
fn file_name(entry: &str) -> &str {
    let last = entry.rsplit(['/', '\\']).next().unwrap_or_default();
    if last.trim_matches('.').is_empty() {
        "picture"
    } else {
        last
    }
}

fn bytes(file: &InputFile) -> Result<&[u8], EngineError> {
    match &file.content {
        InputContent::Bytes(bytes) => Ok(bytes),
        InputContent::Url(_) => Err(EngineError::failed(format!(
            "{} came as a URL, and the models that ship take bytes",
            file.name
        ))),
    }
}

fn decode(name: &str, bytes: &[u8], want: Want) -> Result<Picture, EngineError> {
    runnel_media::decode(&mut Cursor::new(bytes), want, &Budget::default())
        .map_err(|error| refused(name, &error))
}

/// What is missing on this machine is no fault of the picture.
fn refused(name: &str, error: &MediaError) -> EngineError {
    let message = format!("{name}: {error}");
    match error {
        MediaError::ToolMissing { .. } => EngineError::failed(message),
        _ => EngineError::invalid_input(message),
    }
}

/// Whether pixels can be worked on. A drawing has none until somebody says how
/// large it is to be.
fn has_pixels(kind: MediaType) -> bool {
    kind.is_picture() && kind != MediaType::Svg
}

/// Refuses what is no picture, or none made of pixels; and what is no archive
/// where a bundle belongs.
pub(super) fn check_type(input: &str, mime_type: &str) -> Result<(), String> {
    if input == BUNDLE {
        return if MediaType::from_mime(mime_type) == Some(MediaType::Zip) {
            Ok(())
        } else {
            Err(format!(
                "is {mime_type}, and a bundle is a ZIP archive with the pictures in it"
            ))
        };
    }
    let is_taken = has_pixels;
    if MediaType::from_mime(mime_type).is_some_and(is_taken) {
        return Ok(());
    }
    let taken: Vec<&str> = runnel_media::types()
        .filter(|kind| is_taken(kind.media_type))
        .map(|kind| kind.mime_type)
        .collect();
    Err(format!(
        "is {mime_type}, and this model works on pictures made of pixels; give one of {}",
        taken.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineErrorKind;

    #[test]
    fn pictures_made_of_pixels_are_taken_and_nothing_else() {
        for taken in [
            "image/jpeg",
            "image/avif",
            "image/heic",
            "image/tiff",
            "image/bmp",
        ] {
            assert_eq!(check_type("image_url", taken), Ok(()));
        }
        for refused in [
            "image/svg+xml",
            "video/mp4",
            "application/pdf",
            "application/zip",
            "audio/mpeg",
            "x",
        ] {
            let message = check_type("asset_id", refused).unwrap_err();
            assert!(message.contains(refused), "{message}");
            assert!(message.contains("image/avif"), "{message}");
        }
        assert_eq!(check_type(BUNDLE, "application/zip"), Ok(()));
        for refused in ["application/pdf", "image/png"] {
            let message = check_type(BUNDLE, refused).unwrap_err();
            assert!(message.contains("ZIP"), "{message}");
        }
    }

    #[test]
    fn a_missing_program_is_no_fault_of_the_picture() {
        let missing = MediaError::ToolMissing {
            format: MediaType::Heic,
            program: "heif-convert",
            package: "libheif-examples",
        };
        let told = refused("a.heic", &missing);
        assert_eq!(told.kind, EngineErrorKind::Failed);
        assert!(told.message.contains("libheif-examples"), "{told}");
        let unknown = MediaError::Unsupported { found: None };
        assert_eq!(refused("a", &unknown).kind, EngineErrorKind::InvalidInput);
    }

    #[test]
    fn a_name_in_an_archive_gives_a_plain_name() {
        for (entry, name) in [
            ("a.png", "a.png"),
            ("x/a.png", "a.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\b.jpg", "b.jpg"),
            ("x/..", "picture"),
            ("x/", "picture"),
        ] {
            assert_eq!(file_name(entry), name);
        }
    }
}
