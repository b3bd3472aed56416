//! From the fields of a run to those of a server, and back.
//!
//! `[request]` names each field of the request: `"input.NAME"` is an input of the
//! run, any other value stands as it is. `[response]` names each output and where
//! it is in the answer, dotted (`result.images.0`) or as a JSON pointer.

use serde_json::{Map, Value};

use crate::engine::EngineError;
use crate::settings::{BadSetting, Fields};

/// How the body of a request is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// Field and source; the input as it is when there are none.
    fields: Vec<(String, Source)>,
}

#[derive(Debug, Clone)]
enum Source {
    Input(String),
    Constant(Value),
}

impl Request {
    pub(super) fn read(settings: Fields<'_>) -> Result<Self, BadSetting> {
        let Some(table) = settings.table("request")? else {
            return Ok(Self::default());
        };
        let read = |(name, value): (&String, &toml::Value)| {
            let source = match value.as_str().and_then(|text| text.strip_prefix("input.")) {
                Some("") => {
                    let message = "names no input; write input.NAME";
                    return Err(BadSetting::new(format!("request.{name}"), message));
                }
                Some(input) => Source::Input(input.to_owned()),
                None => Source::Constant(to_json(value)),
            };
            Ok((name.clone(), source))
        };
        let fields = table.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { fields })
    }

    /// The body for an input. An input that was not given leaves its field out.
    pub(super) fn apply(&self, input: Map<String, Value>) -> Map<String, Value> {
        if self.fields.is_empty() {
            return input;
        }
        let input = Value::Object(input);
        let mut body = Map::new();
        for (name, source) in &self.fields {
            let value = match source {
                Source::Input(place) => input.pointer(&pointer(place)).cloned(),
                Source::Constant(value) => Some(value.clone()),
            };
            if let Some(value) = value.filter(|value| !value.is_null()) {
                put(&mut body, name, value);
            }
        }
        body
    }
}

/// How the output is read from an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    /// Output and place; the answer as it is when there are none.
    outputs: Vec<(String, String)>,
}

impl Response {
    pub(super) fn read(settings: Fields<'_>) -> Result<Self, BadSetting> {
        let outputs = settings.texts_by_name("response")?;
        Ok(Self { outputs })
    }

    pub(super) fn apply(&self, answer: Value) -> Result<Value, EngineError> {
        if self.outputs.is_empty() {
            return Ok(answer);
        }
        let mut output = Map::new();
        for (name, place) in &self.outputs {
            let found = match place.as_str() {
                "" | "." => Some(&answer),
                place => answer.pointer(&pointer(place)),
            };
            let value = found.ok_or_else(|| {
                EngineError::output_invalid(format!(
                    "the engine's answer has no {place}, which is the output {name} in the model file; it is {}",
                    outline(&answer)
                ))
            })?;
            output.insert(name.clone(), value.clone());
        }
        Ok(Value::Object(output))
    }
}

/// A place as a JSON pointer.
fn pointer(place: &str) -> String {
    if place.starts_with('/') {
        return place.to_owned();
    }
    format!("/{}", place.replace('~', "~0").replace('.', "/"))
}

/// Puts a value at a dotted name, with the objects on the way.
fn put(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(body.insert(name.to_owned(), value)),
        Some((first, rest)) => {
            let inner = body
                .entry(first)
                .or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// What an answer looks like, in a few words.
fn outline(answer: &Value) -> String {
    match answer {
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) => {
            let names: Vec<&str> = fields.keys().take(20).map(String::as_str).collect();
            format!("an object with {}", names.join(", "))
        }
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::String(_) => "a text".to_owned(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            let field = |(name, value): (&String, &toml::Value)| (name.clone(), to_json(value));
            Value::Object(table.iter().map(field).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_request_is_made_of_inputs_and_constants() {
        let table = settings(
            r#"
            [request]
            "data.picture" = "input.image_url"
            "data.first" = "input.images.0"
            prompt = "input.prompt"
            steps = 20
            mode = "fast"
            sizes = [1, 2.5]
            flags = { deep = true }
            left_out = "input.absent"
            "#,
        );
        let request = Request::read(Fields::new(&table, &["request"]).unwrap()).unwrap();
        let input = json!({"image_url": "u", "images": ["a", "b"], "prompt": "p", "unused": 1});
        assert_eq!(
            Value::Object(request.apply(input.as_object().unwrap().clone())),
            json!({
                "data": {"picture": "u", "first": "a"}, "prompt": "p", "steps": 20, "mode": "fast",
                "sizes": [1, 2.5], "flags": {"deep": true},
            })
        );
        let table = settings("[request]\nx = \"input.\"");
        let bad = Request::read(Fields::new(&table, &["request"]).unwrap()).unwrap_err();
        assert_eq!(bad.key, "request.x");
    }

    #[test]
    fn outputs_are_read_from_where_they_are() {
        let table = settings("[response]\na = \"result.images.0\"\nb = \"/x~1y\"\nall = \".\"");
        let response = Response::read(Fields::new(&table, &["response"]).unwrap()).unwrap();
        let answer = json!({"result": {"images": ["u"]}, "x/y": 2});
        let output = response.apply(answer.clone()).unwrap();
        assert_eq!(output, json!({"a": "u", "b": 2, "all": answer}));
        for (answer, words) in [
            (json!({"other": 1, "more": 2}), "with more, other"),
            (json!([1, 2]), "a list of 2"),
            (json!("x"), "a text"),
            (json!(null), "null"),
            (json!({}), "an empty object"),
        ] {
            let error = response.apply(answer).unwrap_err();
            assert!(error.message.contains(words), "{error}");
        }
    }
}
