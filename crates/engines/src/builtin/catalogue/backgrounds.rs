//! The models that put a subject on another background.

use runnel_types::{InputSpec, InputType, ModelSpec};

use super::{
    BACKGROUND_COLOR, BACKGROUND_REMOVAL, BACKGROUND_REPLACE, input, names, picture_model,
};

pub(super) fn removal() -> ModelSpec {
    picture_model(
        1,
        BACKGROUND_REMOVAL,
        "Background removal",
        "Cuts the subject out of its background; the answer is a PNG with transparency.",
        Vec::new(),
    )
}

pub(super) fn color() -> ModelSpec {
    let channel = |name: &str, display_name: &str| InputSpec {
        min: Some(0.0),
        max: Some(255.0),
        required: true,
        ..input(name, display_name, "From 0 to 255.", InputType::Integer)
    };
    picture_model(
        2,
        BACKGROUND_COLOR,
        "Background colour",
        "Puts the subject on a plain colour with a soft falloff.",
        vec![
            channel("color_red", "Red"),
            channel("color_green", "Green"),
            channel("color_blue", "Blue"),
        ],
    )
}

pub(super) fn replace() -> ModelSpec {
    let prompt = InputSpec {
        min: Some(1.0),
        max: Some(2000.0),
        ..input(
            "prompt",
            "Prompt",
            "A plain studio scene: \"white studio\", \"soft grey backdrop\", \"gradient from blue to white\". \
             Needed without a reference picture, and not used with one.",
            InputType::String,
        )
    };
    let reference_url = input(
        "reference_url",
        "Reference picture",
        "The picture that becomes the background: a URL, a data: URI or a runflow://assets/… reference.",
        InputType::Image,
    );
    let reference_id = input(
        "reference_asset_id",
        "Reference asset",
        "The id of the asset that becomes the background.",
        InputType::String,
    );
    let zip_url = InputSpec {
        is_file: true,
        ..input(
            "zip_url",
            "Bundle",
            "A ZIP with the pictures, in place of giving each of them: a URL, a data: URI or a runflow://assets/… reference.",
            InputType::String,
        )
    };
    let file = |name: &str, display_name: &str, description: &str| InputSpec {
        min: Some(1.0),
        max: Some(1024.0),
        ..input(name, display_name, description, InputType::String)
    };
    ModelSpec {
        one_of: vec![
            names(&["asset_id", "image_url", "file_image"]),
            names(&[
                "prompt",
                "reference_url",
                "reference_asset_id",
                "file_reference",
            ]),
        ],
        ..picture_model(
            3,
            BACKGROUND_REPLACE,
            "Background replacement",
            "Puts the subject in the studio that the prompt describes, with floor, falloff and shadow, \
             or in a reference picture, in its light and colour.",
            vec![
                prompt,
                reference_url,
                reference_id,
                zip_url,
                file(
                    "file_image",
                    "Picture in the bundle",
                    "The name of the file in the ZIP that is the picture.",
                ),
                file(
                    "file_reference",
                    "Reference in the bundle",
                    "The name of the file in the ZIP that becomes the background.",
                ),
            ],
        )
    }
}
