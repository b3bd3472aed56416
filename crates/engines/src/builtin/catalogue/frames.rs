//! The models that give a picture other sides.

use runnel_media::upscale::SCALES;
use runnel_media::{ASPECT_RATIOS, RESOLUTIONS};
use runnel_types::{InputSpec, InputType, ModelSpec};
use serde_json::{Value, json};

use super::{PRODUCT_ISOLATION, SMART_RESIZE, UPSCALE, input, picture_model};

fn in_category(category: &str, mut model: ModelSpec) -> ModelSpec {
    model.about.category = Some(category.to_owned());
    model
}

pub(super) fn isolation() -> ModelSpec {
    picture_model(
        5,
        PRODUCT_ISOLATION,
        "Product isolation",
        "Cuts the subject out and centres it on pure white, at 85 % of the frame.",
        frame(),
    )
}

pub(super) fn resize() -> ModelSpec {
    in_category(
        "resize",
        picture_model(
            6,
            SMART_RESIZE,
            "Smart resize",
            "Brings the picture into another shape around its subject: nothing is distorted, the subject is never cut, \
         and where the picture ends its background goes on.",
            frame(),
        ),
    )
}

pub(super) fn upscale() -> ModelSpec {
    let scale = InputSpec {
        min: Some(f64::from(*SCALES.start())),
        max: Some(f64::from(*SCALES.end())),
        default: Some(json!(SCALES.start())),
        ..input(
            "scale",
            "Scale",
            "How many times as wide and high the picture becomes, from 2 to 4; the result has at most 64 megapixels.",
            InputType::Integer,
        )
    };
    in_category(
        "upscale",
        picture_model(
            7,
            UPSCALE,
            "Upscale",
            "Enlarges the picture with crisp edges; transparency is kept.",
            vec![scale],
        ),
    )
}

/// The inputs that say how the result's sides are to be.
fn frame() -> Vec<InputSpec> {
    let one_of = |options: &[&str]| {
        options
            .iter()
            .map(|name| json!(name))
            .collect::<Vec<Value>>()
    };
    vec![
        InputSpec {
            options: one_of(ASPECT_RATIOS),
            default: Some(json!("1:1")),
            ..input(
                "aspect_ratio",
                "Aspect ratio",
                "Width to height of the result.",
                InputType::String,
            )
        },
        InputSpec {
            options: one_of(RESOLUTIONS),
            default: Some(json!("1K")),
            ..input(
                "resolution",
                "Resolution",
                "The longer side of the result: 1024, 2048 or 4096 pixels.",
                InputType::String,
            )
        },
    ]
}
