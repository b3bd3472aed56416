//! From a run's picture to the picture that its model makes.

use runnel_media::compose::compose_colour;
use runnel_media::cutout::cut_out;
use runnel_media::isolate::isolate;
use runnel_media::reframe::reframe;
use runnel_media::scene::place;
use runnel_media::studio::StudioScene;
use runnel_media::subject::Bounds;
use runnel_media::upscale::upscale;
use runnel_media::{Frame, MediaError, Picture};
use runnel_types::LogLevel;
use serde_json::Value;

use super::sources::{self, Source};
use super::{Network, catalogue};
use crate::engine::{EngineError, OutputContent, Product, Work};

/// From how much enlargement on a picture may look soft, and its log says so.
const SOFT_FROM: f64 = 2.0;

/// Runs one of the picture models.
pub(super) fn run(network: &Network, work: &Work) -> Result<Product, EngineError> {
    let Source { name, picture } = sources::picture(work)?;
    let (width, height) = (picture.width(), picture.height());
    info(work, format!("decoded {name} ({width}×{height})"));
    step(work, 0.1)?;
    let result = match work.model.as_str() {
        catalogue::UPSCALE => upscaled(work, &picture),
        catalogue::SMART_RESIZE => resized(network, work, picture),
        catalogue::PRODUCT_ISOLATION => isolated(network, work, &name, picture),
        catalogue::BACKGROUND_REMOVAL => cutout(network, work, picture),
        catalogue::BACKGROUND_COLOR => {
            cutout(network, work, picture).map(|cutout| compose_colour(&cutout, colour(work)))
        }
        catalogue::BACKGROUND_REPLACE => replaced(network, work, &name, picture),
        other => Err(EngineError::failed(format!(
            "the model {other} is not one that ships"
        ))),
    }?;
    step(work, 0.9)?;
    let bytes = runnel_media::encode_png(&result).map_err(|error| failed(&error))?;
    let (width, height) = (result.width(), result.height());
    let size = bytes.len() / 1024;
    info(
        work,
        format!("made a picture of {width}×{height}, {size} KiB"),
    );
    let name = format!(
        "{}-{}.png",
        stem(&name),
        work.model.rsplit('/').next().unwrap_or("result")
    );
    let files = vec![(name, OutputContent::Bytes(bytes))];
    Ok(Product::of_files("image_urls", files))
}

fn upscaled(work: &Work, picture: &Picture) -> Result<Picture, EngineError> {
    let scale = number(work, "scale").unwrap_or(2.0);
    let made = upscale(picture, scale as u32, || work.reporter.is_cancelled());
    let made = made.map_err(|error| match error {
        MediaError::ScaleTooLarge { .. } => EngineError::invalid_input(error.to_string()),
        other => failed(&other),
    })?;
    made.ok_or_else(EngineError::cancelled)
}

fn resized(network: &Network, work: &Work, picture: Picture) -> Result<Picture, EngineError> {
    let frame = frame(work)?;
    let mask = network.mask(&picture)?;
    step(work, 0.6)?;
    let made = reframe(picture, &mask, frame).map_err(|error| failed(&error))?;
    if !made.has_subject {
        warn(
            work,
            "no subject was found; the middle of the picture is shown".to_owned(),
        );
    }
    warn_of_softness(work, "the picture", made.enlarged);
    if made.added > 0.0 {
        let percent = made.added * 100.0;
        info(
            work,
            format!("{percent:.0} % of the frame continue the picture's background"),
        );
    }
    Ok(made.picture)
}

fn isolated(
    network: &Network,
    work: &Work,
    name: &str,
    picture: Picture,
) -> Result<Picture, EngineError> {
    let frame = frame(work)?;
    let cutout = cutout(network, work, picture)?;
    let bounds = subject(work, name, &cutout)?;
    let made = isolate(cutout, bounds, frame).map_err(|error| failed(&error))?;
    warn_of_softness(work, "the subject", made.enlarged);
    Ok(made.picture)
}

fn replaced(
    network: &Network,
    work: &Work,
    name: &str,
    picture: Picture,
) -> Result<Picture, EngineError> {
    let prompt = work.input.get("prompt").and_then(Value::as_str);
    let Some(reference) = sources::reference(work)? else {
        let scene = StudioScene::from_prompt(prompt.unwrap_or_default())
            .map_err(|error| EngineError::invalid_input(error.to_string()))?;
        return cutout(network, work, picture).map(|cutout| scene.render(&cutout));
    };
    let scene = reference.picture;
    let (width, height) = (scene.width(), scene.height());
    info(
        work,
        format!("the background is {} ({width}×{height})", reference.name),
    );
    if prompt.is_some() {
        info(
            work,
            "the prompt is not used: the reference is the background".to_owned(),
        );
    }
    let cutout = cutout(network, work, picture)?;
    let bounds = subject(work, name, &cutout)?;
    place(cutout, bounds, scene).map_err(|error| failed(&error))
}

fn cutout(network: &Network, work: &Work, picture: Picture) -> Result<Picture, EngineError> {
    let mask = network.mask(&picture)?;
    step(work, 0.6)?;
    let cutout = cut_out(&picture, &mask);
    // Its pixels are in the cut-out; what comes next needs the memory.
    drop(picture);
    step(work, 0.8)?;
    Ok(cutout)
}

/// The box of the subject, which the models that move it cannot do without.
fn subject(work: &Work, name: &str, cutout: &Picture) -> Result<Bounds, EngineError> {
    let bounds = Bounds::of(cutout).ok_or_else(|| {
        EngineError::invalid_input(format!(
            "{name}: no subject was found; send a picture in which one stands out from the background"
        ))
    })?;
    if let Some(edges) = bounds.cuts(cutout.width(), cutout.height()).named() {
        warn(
            work,
            format!(
                "the picture cuts the subject off ({edges} edge); send one that shows all of it"
            ),
        );
    }
    Ok(bounds)
}

fn frame(work: &Work) -> Result<Frame, EngineError> {
    let text = |name: &str| work.input.get(name).and_then(Value::as_str);
    let (aspect_ratio, resolution) = (text("aspect_ratio"), text("resolution"));
    Frame::named(
        aspect_ratio.unwrap_or_default(),
        resolution.unwrap_or_default(),
    )
    .ok_or_else(|| {
        EngineError::invalid_input(format!(
            "there is no frame {aspect_ratio:?} at {resolution:?}; look at the model's inputs"
        ))
    })
}

fn warn_of_softness(work: &Work, what: &str, enlarged: f64) {
    if enlarged > SOFT_FROM {
        let message = format!(
            "{what} became {enlarged:.1} times as large and may look soft; send a larger picture or ask for a lower resolution"
        );
        warn(work, message);
    }
}

fn info(work: &Work, message: String) {
    work.reporter.log(LogLevel::Info, message);
}

fn warn(work: &Work, message: String) {
    work.reporter.log(LogLevel::Warning, message);
}

fn failed(error: &MediaError) -> EngineError {
    EngineError::failed(error.to_string())
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
    ["color_red", "color_green", "color_blue"]
        .map(|name| number(work, name).unwrap_or(255.0).clamp(0.0, 255.0) as u8)
}

/// A whole number of the input, which JSON may write as 2 or as 2.0.
fn number(work: &Work, name: &str) -> Option<f64> {
    work.input.get(name).and_then(Value::as_f64)
}

/// The file's name without its ending, for the name of what is made of it.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}
