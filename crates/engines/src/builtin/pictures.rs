//! From a run's picture to the picture that its model makes.

use runnel_media::compose::compose_colour;
use runnel_media::cutout::cut_out;
use runnel_media::segment::Segmenter;
use runnel_media::studio::StudioScene;
use runnel_media::{Budget, MediaError, MediaType, Picture, Want};
use runnel_types::LogLevel;

use super::catalogue;
use crate::engine::{EngineError, InputContent, InputFile, OutputContent, Product, Work};

/// Runs one of the picture models.
pub(super) fn run(segmenter: &Segmenter, work: &Work) -> Result<Product, EngineError> {
    let file = catalogue::PICTURE_INPUTS
        .iter()
        .find_map(|name| work.files.get(*name));
    let file = file.ok_or_else(|| {
        EngineError::invalid_input("the run has no picture; give image_url or asset_id")
    })?;
    let picture = decode(file)?;
    work.reporter.log(
        LogLevel::Info,
        format!(
            "decoded {} ({}×{})",
            file.name,
            picture.width(),
            picture.height()
        ),
    );
    step(work, 0.1)?;

    let mask = segmenter
        .mask(&picture)
        .map_err(|error| EngineError::failed(error.to_string()))?;
    step(work, 0.6)?;
    let cutout = cut_out(&picture, &mask);
    drop(picture);
    step(work, 0.8)?;

    let result = match work.model.as_str() {
        catalogue::BACKGROUND_REMOVAL => cutout,
        catalogue::BACKGROUND_COLOR => compose_colour(&cutout, colour(work)),
        catalogue::BACKGROUND_REPLACE => {
            let prompt = work
                .input
                .get("prompt")
                .and_then(|value| value.as_str())
                .unwrap_or_default();
            let scene = StudioScene::from_prompt(prompt)
                .map_err(|error| EngineError::invalid_input(error.to_string()))?;
            scene.render(&cutout)
        }
        other => {
            return Err(EngineError::failed(format!(
                "the model {other} is not one that ships"
            )));
        }
    };
    step(work, 0.9)?;
    let bytes = runnel_media::encode_png(&result)
        .map_err(|error| EngineError::failed(error.to_string()))?;
    work.reporter.log(
        LogLevel::Info,
        format!("made a picture of {} KiB", bytes.len() / 1024),
    );
    let name = format!(
        "{}-{}.png",
        stem(&file.name),
        work.model.rsplit('/').next().unwrap_or("result")
    );
    let files = vec![(name, OutputContent::Bytes(bytes))];
    Ok(Product::of_files("image_urls", files))
}

/// Whether pixels can be worked on. A drawing has none until somebody says how
/// large it is to be.
fn has_pixels(kind: MediaType) -> bool {
    kind.is_picture() && kind != MediaType::Svg
}

/// Refuses what is no picture, or none made of pixels.
pub(super) fn check_type(mime_type: &str) -> Result<(), String> {
    if MediaType::from_mime(mime_type).is_some_and(has_pixels) {
        return Ok(());
    }
    let taken: Vec<&str> = runnel_media::types()
        .filter(|kind| has_pixels(kind.media_type))
        .map(|kind| kind.mime_type)
        .collect();
    Err(format!(
        "is {mime_type}, and this model works on pictures made of pixels; give one of {}",
        taken.join(", ")
    ))
}

fn decode(file: &InputFile) -> Result<Picture, EngineError> {
    let InputContent::Bytes(bytes) = &file.content else {
        return Err(EngineError::failed(format!("{} came as a URL", file.name)));
    };
    let mut bytes = std::io::Cursor::new(bytes);
    runnel_media::decode(&mut bytes, Want::Full, &Budget::default())
        .map_err(|error| refused(&file.name, &error))
}

/// What is missing on this machine is no fault of the picture.
fn refused(name: &str, error: &MediaError) -> EngineError {
    let message = format!("{name}: {error}");
    match error {
        MediaError::ToolMissing { .. } => EngineError::failed(message),
        _ => EngineError::invalid_input(message),
    }
}

/// Tells how far the work is, and stops it when nobody waits for it any more.
fn step(work: &Work, progress: f64) -> Result<(), EngineError> {
    if work.reporter.is_cancelled() {
        return Err(EngineError::cancelled());
    }
    work.reporter.progress(progress);
    Ok(())
}

fn colour(work: &Work) -> [u8; 3] {
    ["color_red", "color_green", "color_blue"].map(|name| {
        work.input
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(255)
            .min(255) as u8
    })
}

/// The file's name without its ending, for the name of what is made of it.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
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
            assert_eq!(check_type(taken), Ok(()));
        }
        for refused in [
            "image/svg+xml",
            "video/mp4",
            "application/pdf",
            "audio/mpeg",
            "x",
        ] {
            let message = check_type(refused).unwrap_err();
            assert!(message.contains(refused), "{message}");
            assert!(message.contains("image/avif"), "{message}");
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
}
