//! Checks a run's input against the inputs that its model declares.

use runnel_types::{BadValue, FieldFault, InputSpec, ModelSpec, words};
use serde_json::{Map, Value};

/// The most faults that are told of one input: the answer to a body of nothing
/// but strange names must not be longer than the body.
const MOST_FAULTS: usize = 100;
/// As much of an unknown name is repeated, in characters.
const LONGEST_NAME: usize = 100;

/// Checks `input` and fills in defaults. A null counts as left out.
///
/// # Errors
/// One fault for each wrong field, at `input.<name>`, or at
/// `input.<name>.<index>` for an item of a list.
pub(crate) fn check_input(
    model: &ModelSpec,
    input: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldFault>> {
    let mut checked = Map::new();
    let mut faults = Faults::default();
    for (name, value) in input {
        match model.inputs.iter().find(|spec| &spec.name == name) {
            Some(_) if value.is_null() => {}
            Some(spec) => match spec.check(value) {
                Ok(value) => drop(checked.insert(name.clone(), value)),
                Err(bad) => bad.into_iter().for_each(|bad| faults.of_value(name, bad)),
            },
            None if model.is_open => drop(checked.insert(name.clone(), value.clone())),
            None => faults.unknown(model, name),
        }
    }
    let is_given = |name: &str| input.get(name).is_some_and(|value| !value.is_null());
    for InputSpec {
        name,
        default,
        required,
        ..
    } in model.inputs.iter().filter(|spec| !is_given(&spec.name))
    {
        if let Some(default) = default {
            checked.insert(name.clone(), default.clone());
        } else if *required {
            faults.at(&[name], "missing", "this input is required");
        }
    }
    for names in &model.one_of {
        if let Some(first) = names.first()
            && !names.iter().any(|name| is_given(name))
        {
            let message = format!("give one of {}", names.join(", "));
            faults.at(&[first], "missing", message);
        }
    }
    faults.finish().map(|()| checked)
}

/// The faults of an input.
#[derive(Default)]
struct Faults {
    told: Vec<FieldFault>,
    more: usize,
}

impl Faults {
    fn at(&mut self, path: &[&str], rule: &'static str, message: impl Into<String>) {
        if self.told.len() == MOST_FAULTS {
            self.more += 1;
            return;
        }
        let loc = ["body", "input"].iter().chain(path);
        self.told.push(FieldFault {
            loc: loc.map(|part| (*part).to_owned()).collect(),
            rule,
            message: message.into(),
        });
    }

    fn of_value(&mut self, name: &str, bad: BadValue) {
        match bad.item {
            Some(item) => self.at(&[name, &item.to_string()], bad.rule, bad.message),
            None => self.at(&[name], bad.rule, bad.message),
        }
    }

    fn unknown(&mut self, model: &ModelSpec, name: &str) {
        let known: Vec<&str> = model.inputs.iter().map(|spec| spec.name.as_str()).collect();
        let all = if known.is_empty() {
            "it takes none".to_owned()
        } else {
            format!("its inputs are {}", words::listed(&known))
        };
        let model = &model.model;
        let message = match words::nearest(&known, name) {
            Some(meant) => format!("{model} has no such input, did you mean {meant:?}? {all}"),
            None => format!("{model} has no such input; {all}"),
        };
        let name: String = name.chars().take(LONGEST_NAME).collect();
        self.at(&[&name], "unknown_input", message);
    }

    fn finish(mut self) -> Result<(), Vec<FieldFault>> {
        if self.more > 0 {
            let message = format!("{} more values are wrong", self.more);
            self.told
                .push(FieldFault::body("input", "too_many", message));
        }
        if self.told.is_empty() {
            Ok(())
        } else {
            Err(self.told)
        }
    }
}

#[cfg(test)]
mod tests {
    use runnel_types::InputType;
    use serde_json::json;

    use super::*;

    fn builtin(model: &str) -> ModelSpec {
        let models = runnel_engines::builtin::catalogue::models();
        let found = models.into_iter().find(|spec| spec.model == model);
        found.unwrap()
    }

    fn refused(model: &ModelSpec, input: &Value) -> Vec<(String, &'static str)> {
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
            (colour(json!(255.0)), vec![]),
            (colour(json!(256)), red("less_than_equal")),
            (colour(json!(-1)), red("greater_than_equal")),
            (colour(json!(1.5)), red("int_type")),
            (colour(json!("1")), red("int_type")),
            (colour(json!(null)), red("missing")),
        ];
        let model = builtin("runflow/background-color");
        for (input, expected) in cases {
            assert_eq!(refused(&model, &input), expected, "{input}");
        }
    }

    #[test]
    fn a_picture_is_needed_and_strangers_are_named() {
        let removal = builtin("runflow/background-removal");
        assert_eq!(
            refused(&removal, &json!({})),
            [("input.asset_id".to_owned(), "missing")]
        );
        let strange = json!({"image_url": "runflow://assets/x", "colour": 1});
        assert_eq!(
            refused(&removal, &strange),
            [("input.colour".to_owned(), "unknown_input")]
        );
        let wrong = json!({"image_url": 3, "prompt": ""});
        let expected = [
            ("input.image_url".to_owned(), "string_type"),
            ("input.prompt".to_owned(), "string_too_short"),
        ];
        let replace = builtin("runflow/background-replace");
        assert_eq!(refused(&replace, &wrong), expected);
    }

    #[test]
    fn a_slip_in_a_name_is_told_with_the_name_that_was_meant() {
        let model = builtin("runflow/background-color");
        let input = json!({"asset_id": "x", "color_gren": 1, "color_red": 1, "color_blue": 1});
        let faults = check_input(&model, input.as_object().unwrap()).unwrap_err();
        let told: Vec<_> = faults.iter().map(|fault| &fault.message).collect();
        assert!(told[0].contains("did you mean \"color_green\""), "{told:?}");
        let far = json!({"asset_id": "x", "saturation": 1});
        let faults = check_input(&model, far.as_object().unwrap()).unwrap_err();
        assert!(!faults[0].message.contains("did you mean"), "{faults:?}");
    }

    #[test]
    fn items_of_lists_are_named_by_their_places() {
        let mut model = builtin("runnel/echo");
        let mut images = InputSpec::new("images", InputType::ImageList);
        images.max = Some(3.0);
        model.inputs.push(images);
        let expected =
            ["input.images.0", "input.images.2"].map(|at| (at.to_owned(), "string_type"));
        assert_eq!(
            refused(&model, &json!({"images": [1, "a", null]})),
            expected
        );
        let long = json!({"images": ["a", "b", "c", "d"]});
        assert_eq!(
            refused(&model, &long),
            [("input.images".to_owned(), "too_long")]
        );
    }

    #[test]
    fn an_open_model_takes_what_it_does_not_declare() {
        let mut model = builtin("runnel/echo");
        model.is_open = true;
        let input = json!({"more": {"deep": [1]}, "nothing": null, "text": "a"});
        let checked = check_input(&model, input.as_object().unwrap()).unwrap();
        assert_eq!(Value::Object(checked), input);
        assert_eq!(
            refused(&model, &json!({"text": 1, "more": 2})),
            [("input.text".to_owned(), "string_type")]
        );
    }

    #[test]
    fn a_body_of_strange_names_is_answered_shortly() {
        let model = builtin("runflow/background-removal");
        let names = (0..5000).map(|n| (format!("{n}{}", ".x".repeat(200)), json!(1)));
        let mut input: Map<String, Value> = names.collect();
        input.insert("asset_id".to_owned(), json!("x"));
        let faults = check_input(&model, &input).unwrap_err();
        assert_eq!(faults.len(), 101);
        assert!(faults[100].message.starts_with("4900 more"), "{faults:?}");
        let size: usize = faults
            .iter()
            .map(|fault| fault.message.len() + fault.field().len())
            .sum();
        assert!(size < 40_000, "{size}");
    }

    #[test]
    fn defaults_are_filled_in() {
        let echo = builtin("runnel/echo");
        assert_eq!(check_input(&echo, &Map::new()).unwrap()["text"], "");
        let null = json!({"text": null});
        assert_eq!(
            check_input(&echo, null.as_object().unwrap()).unwrap()["text"],
            ""
        );
    }
}
