//! Reads the inputs and outputs that a model file declares.

use std::str::FromStr;

use runnel_types::{InputSpec, InputType, OutputSpec, words};
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;
use super::table::Reader;
use super::values::{Placed, json, kind_of};

/// The most inputs or outputs of a model.
const MOST_INPUTS: usize = 100;
/// The most options of an input.
const MOST_OPTIONS: usize = 200;
/// The longest name of an input, and the longest option, in characters.
const LONGEST_NAME: usize = 100;
/// The longest text for people, in characters.
const LONGEST_TEXT: usize = 2000;
/// The greatest number up to which all whole numbers are exact.
const GREATEST_EXACT: f64 = 9_007_199_254_740_992.0;
/// What stands for inputs of any name and kind.
const ANY: &str = "any";

/// What a model takes.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) specs: Vec<InputSpec>,
    pub(super) is_open: bool,
}

/// Reads `inputs`: a table, or `"any"`.
pub(super) fn inputs(value: &Placed<'_>, path: &str, mistakes: &mut Mistakes) -> Inputs {
    match value.get_ref() {
        DeValue::String(text) if text.as_ref() == ANY => Inputs {
            specs: Vec::new(),
            is_open: true,
        },
        DeValue::Table(table) => {
            let mut read = Inputs::default();
            for (name, value) in entries(table, path, mistakes) {
                if name == "*" {
                    read.is_open = value.get_ref().as_str() == Some(ANY);
                    if !read.is_open {
                        let message = format!(
                            "{path}.\"*\" can only be \"any\": inputs that are not declared are passed on"
                        );
                        mistakes.note(value.span().start, message);
                    }
                } else {
                    read.specs
                        .extend(input(name, value, &format!("{path}.{name}"), mistakes));
                }
            }
            read
        }
        other => {
            let message = format!(
                "{path} must be a table of inputs or \"any\", not {}",
                kind_of(other)
            );
            mistakes.note(value.span().start, message);
            Inputs::default()
        }
    }
}

/// Reads `outputs`: a table.
pub(super) fn outputs(value: &Placed<'_>, path: &str, mistakes: &mut Mistakes) -> Vec<OutputSpec> {
    let Some(reader) = Reader::of(value, path, value.span().start, mistakes) else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in entries(reader.table, path, mistakes) {
        let path = format!("{path}.{name}");
        let spec = match value.get_ref() {
            DeValue::String(_) => type_of(value, &path, mistakes).map(|output_type| OutputSpec {
                name: name.to_owned(),
                display_name: name.to_owned(),
                description: String::new(),
                output_type,
            }),
            _ => Reader::of(value, path, value.span().start, mistakes)
                .and_then(|reader| output(name, &reader, mistakes)),
        };
        read.extend(spec);
    }
    read
}

fn output(name: &str, reader: &Reader<'_, '_>, mistakes: &mut Mistakes) -> Option<OutputSpec> {
    let output_type = declared_type(reader, mistakes);
    let display_name = reader.text("name", LONGEST_NAME, mistakes);
    let description = reader.text("description", LONGEST_TEXT, mistakes);
    reader.refuse_others(mistakes);
    Some(OutputSpec {
        name: name.to_owned(),
        display_name: display_name.unwrap_or_else(|| name.to_owned()),
        description: description.unwrap_or_default(),
        output_type: output_type?,
    })
}

/// The entries with names that an input may have, in the order of the file.
fn entries<'t, 'i>(
    table: &'t DeTable<'i>,
    path: &str,
    mistakes: &mut Mistakes,
) -> Vec<(&'t str, &'t Placed<'i>)> {
    let mut all: Vec<_> = table.iter().collect();
    all.sort_by_key(|(key, _)| key.span().start);
    if let Some((key, _)) = all.get(MOST_INPUTS) {
        let message = format!("{path} has more than {MOST_INPUTS} entries");
        mistakes.note(key.span().start, message);
        return Vec::new();
    }
    let named = all.into_iter().filter_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        if name == "*" || is_name(name) {
            return Some((name, value));
        }
        let message = format!(
            "{path}: {:?} is no name of an input; it begins with a letter and has letters, digits, \"_\" and \"-\", up to {LONGEST_NAME}",
            words::shortened(name)
        );
        mistakes.note(key.span().start, message);
        None
    });
    named.collect()
}

fn is_name(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(begins)
        && name.len() <= LONGEST_NAME
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn input(name: &str, value: &Placed<'_>, path: &str, mistakes: &mut Mistakes) -> Option<InputSpec> {
    if value.get_ref().is_str() {
        let input_type = type_of(value, path, mistakes)?;
        return Some(InputSpec::new(name, input_type));
    }
    let reader = Reader::of(value, path, value.span().start, mistakes)?;
    let input_type = declared_type(&reader, mistakes);
    let mut spec = InputSpec::new(name, input_type.unwrap_or(InputType::Json));
    spec.required = reader.flag("required", mistakes);
    spec.is_file = reader.flag("file", mistakes);
    spec.min = reader.number("min", mistakes);
    spec.max = reader.number("max", mistakes);
    if let Some(text) = reader.text("name", LONGEST_NAME, mistakes) {
        spec.display_name = text;
    }
    spec.description = reader
        .text("description", LONGEST_TEXT, mistakes)
        .unwrap_or_default();
    let options = reader.list("options", "values", mistakes);
    let default = reader.get("default");
    reader.refuse_others(mistakes);
    // The rest depends on the type.
    input_type?;
    check_limits(&reader, &spec, mistakes);
    if let Some(options) = options {
        spec.options = read_options(&reader, &spec, options, mistakes);
    }
    if let Some(default) = default {
        spec.default = read_default(&reader, &spec, default, mistakes);
    }
    Some(spec)
}

fn declared_type(reader: &Reader<'_, '_>, mistakes: &mut Mistakes) -> Option<InputType> {
    if let Some(value) = reader.get("type") {
        return type_of(value, &format!("{}.type", reader.path), mistakes);
    }
    let message = format!(
        "{} needs a type, one of {}",
        reader.path,
        InputType::WORDS.join(", ")
    );
    mistakes.note(reader.at, message);
    None
}

fn type_of(value: &Placed<'_>, path: &str, mistakes: &mut Mistakes) -> Option<InputType> {
    let message = match value.get_ref() {
        DeValue::String(text) => match InputType::from_str(text) {
            Ok(found) => return Some(found),
            Err(_) => words::none_of(InputType::WORDS, text),
        },
        other => format!("must be a type, not {}", kind_of(other)),
    };
    mistakes.note(value.span().start, format!("{path} {message}"));
    None
}

/// Limits that the type does not know, or that leave nothing.
fn check_limits(reader: &Reader<'_, '_>, spec: &InputSpec, mistakes: &mut Mistakes) {
    let counts = matches!(spec.input_type, InputType::String | InputType::ImageList);
    let takes_limits = counts || matches!(spec.input_type, InputType::Integer | InputType::Number);
    for (key, limit) in [("min", spec.min), ("max", spec.max)] {
        let Some(limit) = limit else { continue };
        if !takes_limits {
            let message = format!("means nothing for the type {}", spec.input_type);
            reader.refuse(key, &message, mistakes);
        } else if counts && !(limit >= 0.0 && limit.fract() == 0.0) {
            reader.refuse(
                key,
                "counts characters or items, so it is a whole number from 0",
                mistakes,
            );
        } else if spec.input_type == InputType::Integer && limit.abs() > GREATEST_EXACT {
            reader.refuse(
                key,
                "is further from 0 than 9007199254740992, where numbers are no longer exact",
                mistakes,
            );
        }
    }
    if let (Some(min), Some(max)) = (spec.min, spec.max)
        && min > max
    {
        reader.refuse("min", &format!("is greater than max, {max}"), mistakes);
    }
    if spec.is_file && spec.input_type != InputType::String {
        let message = format!(
            "makes a text refer to a file; the type {} needs no such word",
            spec.input_type
        );
        reader.refuse("file", &message, mistakes);
    }
}

fn read_options(
    reader: &Reader<'_, '_>,
    spec: &InputSpec,
    options: &[Placed<'_>],
    mistakes: &mut Mistakes,
) -> Vec<Json> {
    let takes_options = matches!(
        spec.input_type,
        InputType::String | InputType::Integer | InputType::Number | InputType::Color
    );
    if !takes_options {
        let message = format!("means nothing for the type {}", spec.input_type);
        reader.refuse("options", &message, mistakes);
        return Vec::new();
    }
    if options.is_empty() || options.len() > MOST_OPTIONS {
        let message = format!(
            "has {} values, it may have 1 to {MOST_OPTIONS}",
            options.len()
        );
        reader.refuse("options", &message, mistakes);
        return Vec::new();
    }
    let mut read: Vec<Json> = Vec::new();
    for option in options {
        let Some(value) = checked(reader, spec, "options", option, mistakes) else {
            continue;
        };
        let path = &reader.path;
        if read.contains(&value) {
            mistakes.note(
                option.span().start,
                format!("{path}.options has {value} twice"),
            );
        } else if value
            .as_str()
            .is_some_and(|text| text.chars().count() > LONGEST_NAME)
        {
            let message = format!("{path}.options has one of more than {LONGEST_NAME} characters");
            mistakes.note(option.span().start, message);
        }
        read.push(value);
    }
    read
}

fn read_default(
    reader: &Reader<'_, '_>,
    spec: &InputSpec,
    default: &Placed<'_>,
    mistakes: &mut Mistakes,
) -> Option<Json> {
    if spec.required {
        let message = "is never used, as the input is required; leave one of the two out";
        reader.refuse("default", message, mistakes);
    }
    if spec.reference_form().is_some() {
        let message = "cannot be a file, as files belong to organizations";
        reader.refuse("default", message, mistakes);
    }
    checked(reader, spec, "default", default, mistakes)
}

/// The value, when a run could give it.
fn checked(
    reader: &Reader<'_, '_>,
    spec: &InputSpec,
    key: &str,
    value: &Placed<'_>,
    mistakes: &mut Mistakes,
) -> Option<Json> {
    let path = format!("{}.{key}", reader.path);
    let found = json(value, &path, mistakes)?;
    match spec.check(&found) {
        Ok(checked) => Some(checked),
        Err(bad) => {
            for bad in bad {
                mistakes.note(value.span().start, format!("{path} {}", bad.message));
            }
            None
        }
    }
}
