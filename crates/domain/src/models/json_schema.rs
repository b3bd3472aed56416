//! What a model takes, as a JSON Schema (2020-12) of a run's `input`.
//!
//! An input fits the schema exactly when [`super::check_input`] takes it, with
//! one exception: a null counts as left out there, and the schema does not
//! mention that to those who make forms of it.

use runnel_types::{InputSpec, InputType, ModelSpec};
use serde_json::{Map, Value, json};

/// The schema of the model's input.
pub(super) fn input_schema(model: &ModelSpec) -> Value {
    let mut schema = Map::new();
    let mut put = |key: &str, value: Value| drop(schema.insert(key.to_owned(), value));
    put(
        "$schema",
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    put("title", json!(model.name));
    put("type", json!("object"));
    let properties = model.inputs.iter();
    let properties: Map<String, Value> = properties
        .map(|input| (input.name.clone(), property(input)))
        .collect();
    put("properties", Value::Object(properties));
    let required = model.inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| input.name.as_str()).collect();
    put("required", json!(required));
    put("additionalProperties", json!(model.is_open));
    if !model.one_of.is_empty() {
        let one = |name: &String| json!({"required": [name]});
        let sets = model.one_of.iter();
        let sets: Vec<Value> = sets
            .map(|names| json!({"anyOf": names.iter().map(one).collect::<Vec<_>>()}))
            .collect();
        put("allOf", json!(sets));
    }
    Value::Object(schema)
}

fn property(input: &InputSpec) -> Value {
    let mut schema = Map::new();
    let mut put = |key: &str, value: Value| drop(schema.insert(key.to_owned(), value));
    put("title", json!(input.display_name));
    if !input.description.is_empty() {
        put("description", json!(input.description));
    }
    let mut limits = None;
    match input.input_type {
        InputType::Image | InputType::Video => put("type", json!("string")),
        InputType::ImageList => {
            put("type", json!("array"));
            put("items", json!({"type": "string"}));
            limits = Some(("minItems", "maxItems"));
        }
        InputType::String => {
            put("type", json!("string"));
            limits = Some(("minLength", "maxLength"));
        }
        InputType::Integer | InputType::Number => {
            put("type", json!(input.input_type.as_str()));
            limits = Some(("minimum", "maximum"));
        }
        InputType::Boolean => put("type", json!("boolean")),
        InputType::Color => {
            put("type", json!("string"));
            put("pattern", json!("^#[0-9A-Fa-f]{6}$"));
        }
        InputType::Json => {}
    }
    if let Some((min, max)) = limits {
        if let Some(limit) = input.min {
            put(min, number(limit));
        }
        if let Some(limit) = input.max {
            put(max, number(limit));
        }
    }
    if !input.options.is_empty() {
        put("enum", json!(input.options));
    }
    if let Some(default) = &input.default {
        put("default", default.clone());
    }
    Value::Object(schema)
}

/// A limit without a fraction is written without one: lengths must be.
pub(super) fn number(limit: f64) -> Value {
    if limit.fract() == 0.0 && limit.abs() < 9.0e15 {
        json!(limit as i64)
    } else {
        json!(limit)
    }
}
