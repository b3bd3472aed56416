//! Values of TOML in the forms that others want: JSON, and the tables of engines.

use serde_json::Value as Json;
use serde_json::map::Map as JsonMap;
use toml::de::{DeInteger, DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::mistake::Mistakes;
use super::variables::{Used, Variables};

/// A value with its place.
pub(super) type Placed<'i> = Spanned<DeValue<'i>>;

/// What a value is, in words for a message.
pub(super) const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A finite number.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(number) => integer(number).map(|number| number as f64),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// The value as JSON; what JSON cannot say is a mistake.
pub(super) fn json(value: &Placed<'_>, path: &str, mistakes: &mut Mistakes) -> Option<Json> {
    let found = match value.get_ref() {
        DeValue::String(text) => Some(Json::from(text.as_ref())),
        DeValue::Integer(number) => integer(number).map(Json::from),
        DeValue::Float(_) => number(value.get_ref()).map(Json::from),
        DeValue::Boolean(flag) => Some(Json::from(*flag)),
        DeValue::Datetime(_) => None,
        DeValue::Array(items) => {
            let items = items.iter().map(|item| json(item, path, mistakes));
            return items.collect::<Option<Vec<Json>>>().map(Json::from);
        }
        DeValue::Table(table) => {
            let fields = table.iter().map(|(key, value)| {
                Some((key.get_ref().to_string(), json(value, path, mistakes)?))
            });
            return fields.collect::<Option<JsonMap<_, _>>>().map(Json::from);
        }
    };
    if found.is_none() {
        let message = format!(
            "{path}: {} that JSON does not know",
            kind_of(value.get_ref())
        );
        mistakes.note(value.span().start, message);
    }
    found
}

/// Fills the tables of engines: variables are put in.
pub(super) struct Filler<'a> {
    pub(super) variables: &'a Variables,
    pub(super) used: Used,
}

impl Filler<'_> {
    /// The value as engines get it.
    pub(super) fn fill(
        &mut self,
        value: &Placed<'_>,
        path: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Value> {
        let at = value.span().start;
        let filled = match value.get_ref() {
            DeValue::String(text) => {
                return match self.variables.expand(text, &mut self.used) {
                    Ok(text) => Some(Value::String(text)),
                    Err(message) => {
                        mistakes.note(at, format!("{path} {message}"));
                        None
                    }
                };
            }
            DeValue::Integer(number) => integer(number).map(Value::Integer),
            DeValue::Float(_) => number(value.get_ref()).map(Value::Float),
            DeValue::Boolean(flag) => Some(Value::Boolean(*flag)),
            DeValue::Datetime(instant) => Some(Value::Datetime(*instant)),
            DeValue::Array(items) => {
                let mut filled = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    filled.push(self.fill(item, &format!("{path}.{index}"), mistakes));
                }
                return filled.into_iter().collect::<Option<_>>().map(Value::Array);
            }
            DeValue::Table(table) => {
                return self.fill_table(table, path, mistakes).map(Value::Table);
            }
        };
        if filled.is_none() {
            mistakes.note(
                at,
                format!("{path} is a number beyond all that are known here"),
            );
        }
        filled
    }

    fn fill_table(
        &mut self,
        table: &DeTable<'_>,
        path: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Table> {
        let mut filled = Some(Table::new());
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            let value = self.fill(value, &format!("{path}.{key}"), mistakes);
            match (&mut filled, value) {
                (Some(filled), Some(value)) => drop(filled.insert(key.to_owned(), value)),
                _ => filled = None,
            }
        }
        filled
    }
}

/// Where the setting at the dotted `path` begins, as far as it is there.
pub(super) fn place_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (first, mut rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, mut value) = table.get_key_value(first)?;
    let mut at = key.span().start;
    while !rest.is_empty() {
        let (next, after) = rest.split_once('.').unwrap_or((rest, ""));
        match value.get_ref() {
            DeValue::Table(table) => match table.get_key_value(next) {
                Some((key, found)) => (at, value) = (key.span().start, found),
                None => break,
            },
            DeValue::Array(items) => {
                match next.parse().ok().and_then(|index: usize| items.get(index)) {
                    Some(found) => (at, value) = (found.span().start, found),
                    None => break,
                }
            }
            _ => break,
        }
        rest = after;
    }
    Some(at)
}
