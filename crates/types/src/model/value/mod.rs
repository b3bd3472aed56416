//! Whether a value fits an input: its type, its range, its options.
//!
//! The same check holds for what a run gives, and for the defaults and options
//! of a model file. A whole number may be written `3.0` or `3e0`, as JSON knows
//! no difference; it comes out as an integer, so that engines see one form.

use std::cmp::Ordering;
use std::fmt::Display;

use serde_json::Value;

use super::{InputSpec, InputType};
use crate::words::{kind_of, none_of, shortened};

/// The greatest whole number that a float tells apart from its neighbours.
const GREATEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// Which item of a list is wrong; the whole value when there is none.
    pub item: Option<usize>,
    /// A stable word for the rule that it breaks.
    pub rule: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl BadValue {
    fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            item: None,
            rule,
            message: message.into(),
        }
    }

    fn kind(rule: &'static str, wanted: &str, value: &Value) -> Self {
        Self::new(rule, format!("must be {wanted}, not {}", kind_of(value)))
    }
}

impl InputSpec {
    /// Checks a value that is not null; answers with the form in which engines
    /// see it.
    ///
    /// # Errors
    /// Everything that is wrong with it; a list may have several wrong items.
    pub fn check(&self, value: &Value) -> Result<Value, Vec<BadValue>> {
        let checked = match self.input_type {
            InputType::String => self.text(value),
            InputType::Image | InputType::Video => string(value).map(|_| value.clone()),
            InputType::Integer => self.integer(value),
            InputType::Number => self.number(value),
            InputType::Boolean if !value.is_boolean() => {
                Err(BadValue::kind("bool_type", "true or false", value))
            }
            InputType::Color => colour(value),
            InputType::ImageList => return self.list(value),
            InputType::Boolean | InputType::Json => Ok(value.clone()),
        };
        checked
            .and_then(|value| self.option(value))
            .map_err(|bad| vec![bad])
    }

    fn text(&self, value: &Value) -> Result<Value, BadValue> {
        let text = string(value)?;
        if self.min.is_some() || self.max.is_some() {
            let length = text.chars().count();
            let rules = ("string_too_short", "string_too_long");
            self.length(length, "characters", rules)?;
        }
        Ok(value.clone())
    }

    fn list(&self, value: &Value) -> Result<Value, Vec<BadValue>> {
        let Some(items) = value.as_array() else {
            return Err(vec![BadValue::kind("list_type", "a list", value)]);
        };
        self.length(items.len(), "items", ("too_short", "too_long"))
            .map_err(|bad| vec![bad])?;
        let wrong = items.iter().enumerate().filter_map(|(at, item)| {
            let bad = string(item).err()?;
            Some(BadValue {
                item: Some(at),
                ..bad
            })
        });
        let wrong: Vec<BadValue> = wrong.collect();
        if wrong.is_empty() {
            Ok(value.clone())
        } else {
            Err(wrong)
        }
    }

    fn length(
        &self,
        length: usize,
        unit: &str,
        (short, long): (&'static str, &'static str),
    ) -> Result<(), BadValue> {
        let many = length as f64;
        match (self.min, self.max) {
            (Some(min), _) if many < min => {
                let message = if length == 0 && min <= 1.0 {
                    "must not be empty".to_owned()
                } else {
                    format!("has {length} {unit}, must have at least {min}")
                };
                Err(BadValue::new(short, message))
            }
            (_, Some(max)) if many > max => {
                let message = format!("has {length} {unit}, the limit is {max}");
                Err(BadValue::new(long, message))
            }
            _ => Ok(()),
        }
    }

    fn integer(&self, value: &Value) -> Result<Value, BadValue> {
        let Value::Number(number) = value else {
            return Err(BadValue::kind("int_type", "a whole number", value));
        };
        let whole = match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole,
            (None, Some(float)) if float.fract() != 0.0 => {
                let message = format!("must be a whole number, not {number}");
                return Err(BadValue::new("int_type", message));
            }
            (None, Some(float)) if float.abs() <= GREATEST_EXACT => float as i64,
            _ => {
                let message = format!("is {number}, which is beyond all whole numbers known here");
                return Err(BadValue::new("int_type", message));
            }
        };
        // Exact: the float of a large whole number may be its neighbour's.
        let below = |min: f64| i128::from(whole) < min.ceil() as i128;
        let above = |max: f64| i128::from(whole) > max.floor() as i128;
        self.range(whole, below, above)?;
        Ok(whole.into())
    }

    fn number(&self, value: &Value) -> Result<Value, BadValue> {
        let Some(float) = value.as_f64() else {
            return Err(BadValue::kind("number_type", "a number", value));
        };
        self.range(value, |min| float < min, |max| float > max)?;
        Ok(value.clone())
    }

    fn range(
        &self,
        number: impl Display,
        below: impl Fn(f64) -> bool,
        above: impl Fn(f64) -> bool,
    ) -> Result<(), BadValue> {
        match (self.min, self.max) {
            (Some(min), _) if below(min) => Err(BadValue::new(
                "greater_than_equal",
                format!("is {number}, must be at least {min}"),
            )),
            (_, Some(max)) if above(max) => Err(BadValue::new(
                "less_than_equal",
                format!("is {number}, the limit is {max}"),
            )),
            _ => Ok(()),
        }
    }

    fn option(&self, value: Value) -> Result<Value, BadValue> {
        if self.options.is_empty() || self.options.iter().any(|option| same(option, &value)) {
            return Ok(value);
        }
        let written = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let options: Vec<String> = self.options.iter().map(written).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Err(BadValue::new("enum", none_of(&options, &written(&value))))
    }
}

fn string(value: &Value) -> Result<&str, BadValue> {
    value
        .as_str()
        .ok_or_else(|| BadValue::kind("string_type", "a string", value))
}

fn colour(value: &Value) -> Result<Value, BadValue> {
    let text = string(value)?;
    let is_colour = text
        .strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_colour {
        return Ok(value.clone());
    }
    let message = format!(
        "is {:?}, must be a colour such as \"#1f6feb\"",
        shortened(text)
    );
    Err(BadValue::new("color_format", message))
}

/// Whether two values are the same to a person: 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.partial_cmp(&other) == Some(Ordering::Equal),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
