//! The strings of a run's input, each with its place and with what may stand there.
//!
//! A place is dotted: `image_url`, `images.0`, `scene.layers.2.picture`. One walk
//! serves everything that finds references and everything that replaces them, so
//! that both always speak of the same places.

use runnel_types::{InputType, ModelSpec, ReferenceForm, is_asset_key};
use serde_json::{Map, Value};

/// What may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The id of an asset, or a reference to one.
    Id,
    /// A file, given by URL, `data:` URI or reference; of the declared type.
    File(InputType),
    /// Any text, which may be a reference nevertheless.
    Free,
}

/// Shows each string of `input` to `see`, which may change it.
pub(super) fn visit(
    model: &ModelSpec,
    input: &mut Map<String, Value>,
    see: &mut dyn FnMut(&str, Slot, &mut String),
) {
    for (name, value) in input {
        let spec = model.inputs.iter().find(|spec| &spec.name == name);
        let form = spec.and_then(|spec| Some((spec.reference_form()?, spec.input_type)));
        let slot = match form {
            Some((ReferenceForm::Id, _)) => Slot::Id,
            Some((ReferenceForm::Url | ReferenceForm::Urls, kind)) => Slot::File(kind),
            // Passed on as it is, or part of a JSON value.
            None if spec.is_none() && is_asset_key(name) => Slot::Id,
            None => Slot::Free,
        };
        visit_value(&mut name.clone(), slot, value, see);
    }
}

fn visit_value(
    place: &mut String,
    slot: Slot,
    value: &mut Value,
    see: &mut dyn FnMut(&str, Slot, &mut String),
) {
    let length = place.len();
    match value {
        Value::String(text) => see(place, slot, text),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                place.push('.');
                place.push_str(&index.to_string());
                visit_value(place, slot, item, see);
                place.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let slot = match slot {
                    Slot::Free if is_asset_key(name) => Slot::Id,
                    slot => slot,
                };
                place.push('.');
                place.push_str(name);
                visit_value(place, slot, field, see);
                place.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_string_is_seen_with_its_place_and_may_be_changed() {
        let models = runnel_engines::builtin::catalogue::models();
        let model = models
            .iter()
            .find(|model| model.model == "runflow/background-removal")
            .unwrap();
        let given = json!({
            "asset_id": "a", "image_url": "b", "scene": {"layers": [1, {"picture": "c"}, ["d"]]},
            "mask_asset_id": "e", "more": {"asset_id": "f", "its_asset_ids": "g"},
        });
        let mut input = given.as_object().unwrap().clone();
        let mut seen = Vec::new();
        visit(model, &mut input, &mut |place, slot, text| {
            seen.push((place.to_owned(), slot, text.clone()));
            *text = place.to_uppercase();
        });
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("asset_id", Slot::Id, "a"),
            ("image_url", Slot::File(InputType::Image), "b"),
            ("mask_asset_id", Slot::Id, "e"),
            ("more.asset_id", Slot::Id, "f"),
            ("more.its_asset_ids", Slot::Free, "g"),
            ("scene.layers.1.picture", Slot::Free, "c"),
            ("scene.layers.2.0", Slot::Free, "d"),
        ]
        .map(|(place, slot, text)| (place.to_owned(), slot, text.to_owned()));
        assert_eq!(seen, expected);
        assert_eq!(
            input["scene"]["layers"][1]["picture"],
            "SCENE.LAYERS.1.PICTURE"
        );
    }
}
