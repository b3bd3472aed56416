//! Checks a run's input against the inputs that its model declares.

use runnel_types::{FieldFault, InputSpec, InputType, ModelSpec};
use serde_json::{Map, Value};

use crate::fields::kind_of;

/// Checks `input` and fills in defaults.
///
/// # Errors
/// One fault for each wrong field, at `input.<name>`.
pub(crate) fn check_input(
    model: &ModelSpec,
    input: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldFault>> {
    let mut checked = Map::new();
    let mut faults = Vec::new();
    for (name, value) in input {
        match model.inputs.iter().find(|spec| &spec.name == name) {
            Some(_) if value.is_null() => {}
            Some(spec) => match check_value(spec, value) {
                Ok(()) => drop(checked.insert(name.clone(), value.clone())),
                Err((rule, message)) => faults.push(fault(name, rule, message)),
            },
            None if model.is_open => drop(checked.insert(name.clone(), value.clone())),
            None => faults.push(unknown(model, name)),
        }
    }
    for spec in &model.inputs {
        if checked.contains_key(&spec.name)
            || faults
                .iter()
                .any(|fault| fault.field() == format!("input.{}", spec.name))
        {
            continue;
        }
        if let Some(default) = &spec.default {
            checked.insert(spec.name.clone(), default.clone());
        } else if spec.required {
            faults.push(fault(&spec.name, "missing", "this input is required"));
        }
    }
    for names in &model.one_of {
        let is_named = |name: &String| input.get(name).is_some_and(|value| !value.is_null());
        if !names.iter().any(is_named) {
            let message = format!("give one of {}", names.join(", "));
            faults.push(fault(
                names.first().map_or("", String::as_str),
                "missing",
                message,
            ));
        }
    }
    if faults.is_empty() {
        Ok(checked)
    } else {
        Err(faults)
    }
}

fn fault(name: &str, rule: &'static str, message: impl Into<String>) -> FieldFault {
    FieldFault::body(&format!("input.{name}"), rule, message)
}

fn unknown(model: &ModelSpec, name: &str) -> FieldFault {
    let known: Vec<&str> = model.inputs.iter().map(|spec| spec.name.as_str()).collect();
    let message = format!(
        "{} has no such input; its inputs are {}",
        model.model,
        known.join(", ")
    );
    fault(name, "unknown_input", message)
}

fn check_value(spec: &InputSpec, value: &Value) -> Result<(), (&'static str, String)> {
    let is = |wanted: &str| format!("must be {wanted}, not {}", kind_of(value));
    match spec.input_type {
        InputType::String | InputType::Image | InputType::Video => {
            let text = value
                .as_str()
                .ok_or_else(|| ("string_type", is("a string")))?;
            check_range(spec, text.chars().count() as f64, true)
        }
        InputType::Integer => {
            let whole = value.as_i64().map(|number| number as f64);
            let number = whole.or_else(|| value.as_f64().filter(|number| number.fract() == 0.0));
            check_range(
                spec,
                number.ok_or_else(|| ("int_type", is("an integer")))?,
                false,
            )
        }
        InputType::Number => check_range(
            spec,
            value
                .as_f64()
                .ok_or_else(|| ("number_type", is("a number")))?,
            false,
        ),
        InputType::Boolean if !value.is_boolean() => Err(("bool_type", is("a boolean"))),
        InputType::Color if !value.as_str().is_some_and(is_colour) => Err((
            "color_format",
            "must be a colour such as \"#1f6feb\"".to_owned(),
        )),
        InputType::ImageList => {
            let list = value
                .as_array()
                .ok_or_else(|| ("list_type", is("a list")))?;
            if list.iter().all(Value::is_string) {
                Ok(())
            } else {
                Err(("string_type", "every item must be a string".to_owned()))
            }
        }
        InputType::Boolean | InputType::Color | InputType::Json => Ok(()),
    }
}

fn check_range(
    spec: &InputSpec,
    number: f64,
    is_length: bool,
) -> Result<(), (&'static str, String)> {
    let (what, unit) = if is_length {
        ("has", " characters")
    } else {
        ("is", "")
    };
    match (spec.min, spec.max) {
        (_, Some(max)) if number > max => Err((
            "less_than_equal",
            format!("{what} {number}{unit}, the limit is {max}"),
        )),
        (Some(min), _) if number < min => Err((
            "greater_than_equal",
            format!("{what} {number}{unit}, must be at least {min}"),
        )),
        _ => Ok(()),
    }
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(model: &str, input: &Value) -> Vec<(String, &'static str)> {
        let models = runnel_engines::builtin::catalogue::models();
        let model = models.iter().find(|spec| spec.model == model).unwrap();
        match check_input(model, input.as_object().unwrap()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults
                .iter()
                .map(|fault| (fault.field(), fault.rule))
                .collect(),
        }
    }

    #[test]
    fn values_just_inside_pass_and_just_outside_are_named() {
        let colour = |red: Value| json!({"asset_id": "x", "color_red": red, "color_green": 0, "color_blue": 255});
        let red = |rule| vec![("input.color_red".to_owned(), rule)];
        let cases = [
            (colour(json!(0)), vec![]),
            (colour(json!(255)), vec![]),
            (colour(json!(256)), red("less_than_equal")),
            (colour(json!(-1)), red("greater_than_equal")),
            (colour(json!(1.5)), red("int_type")),
            (colour(json!("1")), red("int_type")),
            (colour(json!(null)), red("missing")),
        ];
        for (input, expected) in cases {
            assert_eq!(
                refused("runflow/background-color", &input),
                expected,
                "{input}"
            );
        }
    }

    #[test]
    fn a_picture_is_needed_and_strangers_are_named() {
        assert_eq!(
            refused("runflow/background-removal", &json!({})),
            [("input.asset_id".to_owned(), "missing")]
        );
        let strange = json!({"image_url": "runflow://assets/x", "colour": 1});
        assert_eq!(
            refused("runflow/background-removal", &strange),
            [("input.colour".to_owned(), "unknown_input")]
        );
        let wrong = json!({"image_url": 3, "prompt": ""});
        let expected = [
            ("input.image_url".to_owned(), "string_type"),
            ("input.prompt".to_owned(), "greater_than_equal"),
        ];
        assert_eq!(refused("runflow/background-replace", &wrong), expected);
    }

    #[test]
    fn defaults_are_filled_in() {
        let models = runnel_engines::builtin::catalogue::models();
        let echo = models
            .iter()
            .find(|spec| spec.model == "runnel/echo")
            .unwrap();
        assert_eq!(check_input(echo, &Map::new()).unwrap()["text"], "");
    }
}
