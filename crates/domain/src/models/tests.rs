//! What is shown of a model.

use runnel_engines::builtin;
use serde_json::json;

use super::*;

fn view(model: &str) -> ModelView {
    let models = builtin::entries(1);
    let found = models.iter().find(|entry| entry.spec.model == model);
    ModelView::of(Arc::clone(&found.unwrap().spec), true)
}

#[test]
fn the_schema_says_what_the_check_asks_for() {
    let schema = view("runflow/background-color").input_schema;
    assert_eq!(
        schema["properties"]["color_red"],
        json!({"title": "Red", "description": "From 0 to 255.", "type": "integer", "minimum": 0, "maximum": 255})
    );
    assert_eq!(
        schema["required"],
        json!(["color_red", "color_green", "color_blue"])
    );
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(
        schema["allOf"],
        json!([{"anyOf": [{"required": ["asset_id"]}, {"required": ["image_url"]}]}])
    );
}

#[test]
fn a_validator_tells_its_limits() {
    let of = |input_type, min, max, options: &[Value]| {
        validator(&InputSpec {
            min,
            max,
            options: options.to_vec(),
            ..InputSpec::new("x", input_type)
        })
    };
    assert_eq!(of(InputType::Integer, None, None, &[]), None);
    assert_eq!(of(InputType::Boolean, None, None, &[]), None);
    assert_eq!(
        of(InputType::Number, Some(0.5), None, &[]),
        Some(("range", json!({"min": 0.5, "max": null})))
    );
    assert_eq!(
        of(InputType::String, None, Some(9.0), &[]),
        Some(("length", json!({"min": null, "max": 9})))
    );
    assert_eq!(
        of(InputType::ImageList, Some(1.0), Some(4.0), &[]),
        Some(("items", json!({"min": 1, "max": 4})))
    );
    assert_eq!(
        of(InputType::String, None, None, &[json!("1K")]),
        Some(("options", json!({"options": ["1K"]})))
    );
}
