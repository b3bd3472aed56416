//! The catalogue of the models that ship: their ids, inputs and outputs.

use runnel_media::studio::StudioScene;
use runnel_types::{InputSpec, InputType, ModelAbout, ModelSpec, OutputSpec, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Cuts the subject out.
pub const BACKGROUND_REMOVAL: &str = "runflow/background-removal";
/// Puts the subject on a plain colour.
pub const BACKGROUND_COLOR: &str = "runflow/background-color";
/// Puts the subject in a studio.
pub const BACKGROUND_REPLACE: &str = "runflow/background-replace";
/// Answers with its input.
pub const ECHO: &str = "runnel/echo";

/// When the models that ship were added, in microseconds: 2026-11-23.
const ADDED: Timestamp = Timestamp::from_micros(1_795_392_000_000_000);

/// The inputs by which a picture can be given, most specific first.
pub(super) const PICTURE_INPUTS: &[&str] = &["asset_id", "image_url"];

/// Every model that ships.
pub fn models() -> Vec<ModelSpec> {
    vec![
        background_removal(),
        background_color(),
        background_replace(),
        echo(),
    ]
}

fn background_removal() -> ModelSpec {
    picture_model(
        1,
        BACKGROUND_REMOVAL,
        "Background removal",
        "Cuts the subject out of its background; the answer is a PNG with transparency.",
        Vec::new(),
    )
}

fn background_color() -> ModelSpec {
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

fn background_replace() -> ModelSpec {
    let prompt = InputSpec {
        required: true,
        min: Some(1.0),
        max: Some(2000.0),
        ..input(
            "prompt",
            "Prompt",
            "A plain studio scene: \"white studio\", \"soft grey backdrop\", \"gradient from blue to white\".",
            InputType::String,
        )
    };
    picture_model(
        3,
        BACKGROUND_REPLACE,
        "Background replacement",
        "Puts the subject in the studio that the prompt describes, with floor, falloff and shadow.",
        vec![prompt],
    )
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
            "The picture: a data: URI or a runflow://assets/… reference.",
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
        one_of: vec![
            PICTURE_INPUTS
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        ],
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

/// Refuses a prompt that asks for a scene which would have to be generated.
pub(super) fn check(model: &str, input: &Map<String, Value>) -> Result<(), (String, String)> {
    if model != BACKGROUND_REPLACE {
        return Ok(());
    }
    let prompt = input
        .get("prompt")
        .and_then(Value::as_str)
        .unwrap_or_default();
    StudioScene::from_prompt(prompt).map_err(|error| ("prompt".to_owned(), error.to_string()))?;
    Ok(())
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
        }
    }

    #[test]
    fn a_prompt_for_a_generated_scene_is_refused_by_name() {
        let input = |prompt: &str| Map::from_iter([("prompt".to_owned(), json!(prompt))]);
        assert_eq!(check(BACKGROUND_REPLACE, &input("white studio")), Ok(()));
        let (field, message) =
            check(BACKGROUND_REPLACE, &input("on a beach at sunset")).unwrap_err();
        assert_eq!(field, "prompt");
        assert!(message.contains("generat"), "{message}");
    }
}
