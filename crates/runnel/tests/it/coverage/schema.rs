//! Checks an answer against its schema in the served document.

use std::collections::BTreeSet;

use serde_json::Value;

/// Enough of JSON Schema for what the document uses; stricter in one thing: an
/// object has every property and no other.
pub(super) fn check(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = document.pointer(reference.trim_start_matches('#'));
        return check(
            document,
            target.ok_or(format!("{reference} leads nowhere"))?,
            value,
            at,
        );
    }
    if let Some(one_of) = schema.get("anyOf").or(schema.get("oneOf")) {
        let of = one_of.as_array().unwrap().iter();
        let tried: Vec<_> = of
            .map(|schema| check(document, schema, value, at))
            .collect();
        return if tried.iter().any(Result::is_ok) {
            Ok(())
        } else {
            Err(format!("{at} fits none of its forms: {tried:?}"))
        };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(only) => vec![only],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_of_type = types.contains(&is) || (is == "integer" && types.contains(&"number"));
    if !types.is_empty() && !is_of_type {
        return Err(format!("{at} is {is}, the document says {types:?}"));
    }
    if schema["format"] == "uuid" && value.as_str().is_some_and(|id| id.len() != 36) {
        return Err(format!("{at} is no UUID"));
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            check(document, schema, item, &format!("{at}[{index}]"))?;
        }
    }
    let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) else {
        return Ok(());
    };
    let names = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<BTreeSet<_>>();
    if names(fields) != names(known) {
        let differ: Vec<_> = names(fields)
            .symmetric_difference(&names(known))
            .cloned()
            .collect();
        return Err(format!("{at} differs from the document in {differ:?}"));
    }
    let mut all = fields.iter();
    all.try_for_each(|(name, field)| check(document, &known[name], field, &format!("{at}.{name}")))
}
