//! The catalogue of the models that ship: their ids, inputs and outputs.

mod backgrounds;
mod frames;
mod rules;

use runnel_types::{InputSpec, InputType, ModelAbout, ModelSpec, OutputSpec, Timestamp};
use serde_json::json;
use uuid::Uuid;

pub(super) use rules::check;

/// Cuts the subject out.
pub const BACKGROUND_REMOVAL: &str = "runflow/background-removal";
/// Puts the subject on a plain colour.
pub const BACKGROUND_COLOR: &str = "runflow/background-color";
/// Puts the subject in a studio or in another picture.
pub const BACKGROUND_REPLACE: &str = "runflow/background-replace";
/// Centres the subject on white.
pub const PRODUCT_ISOLATION: &str = "runflow/product-isolation";
/// Brings a picture into another shape.
pub const SMART_RESIZE: &str = "runflow/smart-resize";
/// Enlarges a picture.
pub const UPSCALE: &str = "runflow/upscale";
/// Answers with its input.
pub const ECHO: &str = "runnel/echo";

/// When the models that ship were added, in microseconds: 2026-11-23.
const ADDED: Timestamp = Timestamp::from_micros(1_795_392_000_000_000);

/// The inputs by which a picture can be given, most specific first.
pub(super) const PICTURE_INPUTS: &[&str] = &["asset_id", "image_url"];

/// Every model that ships.
pub fn models() -> Vec<ModelSpec> {
    vec![
        backgrounds::removal(),
        backgrounds::color(),
        backgrounds::replace(),
        echo(),
        frames::isolation(),
        frames::resize(),
        frames::upscale(),
    ]
}

fn echo() -> ModelSpec {
    let text = InputSpec {
        default: Some(json!("")),
        max: Some(10_000.0),
        ..input("text", "Text", "Comes back as it is.", InputType::String)
    };
    ModelSpec {
        one_of: Vec::new(),
        inputs: vec![text],
        outputs: vec![OutputSpec {
            name: "text".to_owned(),
            display_name: "Text".to_owned(),
            description: "The text given.".to_owned(),
            output_type: InputType::String,
        }],
        about: ModelAbout {
            category: Some("test".to_owned()),
            license: Some("Apache-2.0".to_owned()),
            ..ModelAbout::since(ADDED)
        },
        ..picture_model(
            4,
            ECHO,
            "Echo",
            "Answers with its input and does no work; for testing an integration.",
            Vec::new(),
        )
    }
}

/// A model that takes a picture and makes one.
fn picture_model(
    number: u16,
    model: &str,
    name: &str,
    description: &str,
    beyond: Vec<InputSpec>,
) -> ModelSpec {
    let mut inputs = vec![
        input(
            "image_url",
            "Picture",
            "The picture: a URL, a data: URI or a runflow://assets/… reference.",
            InputType::Image,
        ),
        input(
            "asset_id",
            "Asset",
            "The id of the asset that is the picture.",
            InputType::String,
        ),
    ];
    inputs.extend(beyond);
    ModelSpec {
        // Fixed, so that runs of every server and version name the same model.
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number)).into(),
        model: model.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        version: "1".to_owned(),
        inputs,
        one_of: vec![names(PICTURE_INPUTS)],
        outputs: vec![OutputSpec {
            name: "image_urls".to_owned(),
            display_name: "Pictures".to_owned(),
            description: "The picture made, as the only one of a list.".to_owned(),
            output_type: InputType::ImageList,
        }],
        is_open: false,
        engine: super::NAME.to_owned(),
        concurrency: None,
        time_limit_s: 120,
        max_attempts: 3,
        about: ModelAbout {
            category: Some("background".to_owned()),
            license: Some("Apache-2.0".to_owned()),
            ..ModelAbout::since(ADDED)
        },
    }
}

fn input(name: &str, display_name: &str, description: &str, input_type: InputType) -> InputSpec {
    InputSpec {
        display_name: display_name.to_owned(),
        description: description.to_owned(),
        ..InputSpec::new(name, input_type)
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_its_own_id_and_every_alternative_is_an_input() {
        let models = models();
        for (index, model) in models.iter().enumerate() {
            assert!(
                models[index + 1..]
                    .iter()
                    .all(|other| other.id != model.id && other.model != model.model)
            );
            for name in model.one_of.iter().flatten() {
                assert!(
                    model.inputs.iter().any(|input| &input.name == name),
                    "{name}"
                );
            }
            for input in &model.inputs {
                let is_taken = |value| input.options.is_empty() || input.options.contains(value);
                assert!(input.default.iter().all(is_taken), "{}", input.name);
            }
        }
    }
}
