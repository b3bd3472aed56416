//! What a model's inputs must be beyond their declared types: rules between
//! them, and prompts that no studio can answer.

use runnel_media::studio::StudioScene;
use runnel_media::{ASPECT_RATIOS, Frame, RESOLUTIONS};
use serde_json::{Map, Value};

use super::{BACKGROUND_REPLACE, PRODUCT_ISOLATION, SMART_RESIZE};

/// The inputs by which a reference picture can be given apart from a bundle.
const REFERENCE_INPUTS: &[&str] = &["reference_asset_id", "reference_url"];

type Refusal = (String, String);

/// Checks an input whose values have the types that the model declares.
///
/// # Errors
/// The name of the wrong input, and what is wrong with it.
pub(in crate::builtin) fn check(model: &str, input: &Map<String, Value>) -> Result<(), Refusal> {
    match model {
        BACKGROUND_REPLACE => {
            bundle(input)?;
            prompt(input)
        }
        PRODUCT_ISOLATION | SMART_RESIZE => frame(input),
        _ => Ok(()),
    }
}

/// A bundle and the names in it belong together, and no picture is given twice.
fn bundle(input: &Map<String, Value>) -> Result<(), Refusal> {
    let has = |name: &str| input.contains_key(name);
    let files = ["file_image", "file_reference"];
    if let Some(name) = files.into_iter().find(|name| has(name))
        && !has("zip_url")
    {
        return refuse(
            "zip_url",
            format!("{name} names a file of an archive; give the archive as zip_url"),
        );
    }
    if has("zip_url") && !files.into_iter().any(has) {
        return refuse(
            "zip_url",
            "name the files of the archive to use as file_image and file_reference",
        );
    }
    let twice = |file: &str, others: &[&str]| {
        let other = others.iter().find(|name| has(name)).filter(|_| has(file))?;
        Some((
            file.to_owned(),
            format!("the same picture is given as {file} and as {other}; leave one of them out"),
        ))
    };
    match twice("file_image", super::PICTURE_INPUTS)
        .or_else(|| twice("file_reference", REFERENCE_INPUTS))
    {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Without a reference the prompt has to describe a plain studio.
fn prompt(input: &Map<String, Value>) -> Result<(), Refusal> {
    let mut references = REFERENCE_INPUTS.iter().chain(&["file_reference"]);
    if references.any(|name| input.contains_key(*name)) {
        return Ok(());
    }
    let prompt = input
        .get("prompt")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match StudioScene::from_prompt(prompt) {
        Ok(_) => Ok(()),
        Err(error) => refuse("prompt", error.to_string()),
    }
}

fn frame(input: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let (aspect_ratio, resolution) = (text("aspect_ratio"), text("resolution"));
    if Frame::named(aspect_ratio, resolution).is_some() {
        return Ok(());
    }
    if ASPECT_RATIOS.contains(&aspect_ratio) {
        refuse(
            "resolution",
            format!("must be one of {}", RESOLUTIONS.join(", ")),
        )
    } else {
        refuse(
            "aspect_ratio",
            format!("must be one of {}", ASPECT_RATIOS.join(", ")),
        )
    }
}

fn refuse(name: &str, message: impl Into<String>) -> Result<(), Refusal> {
    Err((name.to_owned(), message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(model: &str, input: Value) -> Option<Refusal> {
        let Value::Object(input) = input else {
            panic!("an input is an object");
        };
        check(model, &input).err()
    }

    #[test]
    fn a_prompt_for_a_generated_scene_is_refused_unless_a_reference_takes_its_place() {
        let replace = |input| refused(BACKGROUND_REPLACE, input);
        assert_eq!(
            replace(json!({"asset_id": "x", "prompt": "white studio"})),
            None
        );
        let beach = "on a beach at sunset";
        let (field, message) = replace(json!({"asset_id": "x", "prompt": beach})).unwrap();
        assert_eq!(field, "prompt");
        assert!(message.contains("generat"), "{message}");
        for reference in ["reference_url", "reference_asset_id"] {
            assert_eq!(
                replace(json!({"asset_id": "x", "prompt": beach, reference: "y"})),
                None
            );
            assert_eq!(replace(json!({"asset_id": "x", reference: "y"})), None);
        }
    }

    #[test]
    fn a_bundle_and_its_files_belong_together() {
        let replace = |input| refused(BACKGROUND_REPLACE, input);
        let whole = json!({"zip_url": "z", "file_image": "a", "file_reference": "b"});
        assert_eq!(replace(whole), None);
        assert_eq!(
            replace(json!({"zip_url": "z", "file_image": "a", "prompt": "white studio"})),
            None
        );
        assert_eq!(
            replace(json!({"zip_url": "z", "file_reference": "b", "asset_id": "x"})),
            None
        );
        let cases = [
            (
                json!({"file_image": "a", "file_reference": "b"}),
                "zip_url",
                "give the archive",
            ),
            (
                json!({"file_image": "a", "prompt": "white studio"}),
                "zip_url",
                "give the archive",
            ),
            (
                json!({"zip_url": "z", "asset_id": "x", "prompt": "white studio"}),
                "zip_url",
                "name the files",
            ),
            (
                json!({"zip_url": "z", "file_image": "a", "asset_id": "x"}),
                "file_image",
                "as asset_id",
            ),
            (
                json!({"zip_url": "z", "file_image": "a", "image_url": "x"}),
                "file_image",
                "as image_url",
            ),
            (
                json!({"zip_url": "z", "file_image": "a", "file_reference": "b", "reference_url": "x"}),
                "file_reference",
                "as reference_url",
            ),
            (
                json!({"zip_url": "z", "file_image": "a", "prompt": "a cat"}),
                "prompt",
                "cat",
            ),
        ];
        for (input, field, words) in cases {
            let (found, message) = replace(input.clone()).unwrap();
            assert_eq!(found, field, "{input}: {message}");
            assert!(message.contains(words), "{input}: {message}");
        }
    }

    #[test]
    fn frames_without_a_name_are_refused_by_field() {
        for model in [PRODUCT_ISOLATION, SMART_RESIZE] {
            let named =
                |ratio, size| refused(model, json!({"aspect_ratio": ratio, "resolution": size}));
            assert_eq!(named("21:9", "4K"), None);
            assert_eq!(named("1:1", "8K").unwrap().0, "resolution");
            assert_eq!(named("1:9", "1K").unwrap().0, "aspect_ratio");
        }
    }
}
