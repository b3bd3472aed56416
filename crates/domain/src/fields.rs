//! Reads a JSON body field by field and collects every fault, not only the first.
//!
//! Rules read bodies with this instead of deserializing into a struct, because
//! a person who sends three wrong fields wants to hear of three. Unknown fields
//! are passed over, as the contract says.

pub(crate) use runnel_types::words::kind_of;
use runnel_types::{Fault, FieldFault, words};
use serde_json::{Map, Value};

/// A body being read; [`Fields::finish`] tells all that was wrong with it.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl<'a> Fields<'a> {
    /// Begins to read `body`, which must be an object.
    pub(crate) fn of(body: &'a Value) -> Result<Self, Fault> {
        let fault = || {
            let loc = vec!["body".to_owned()];
            let message = format!("the body must be a JSON object, not {}", kind_of(body));
            Fault::invalid(vec![FieldFault {
                loc,
                rule: "object_type",
                message,
            }])
        };
        body.as_object().ok_or_else(fault).map(Self::of_object)
    }

    /// Begins to read an object, which may be a part of a body.
    pub(crate) const fn of_object(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            faults: Vec::new(),
        }
    }

    /// Notes a fault of `field`.
    pub(crate) fn refuse(&mut self, field: &str, rule: &'static str, message: impl Into<String>) {
        self.faults.push(FieldFault::body(field, rule, message));
    }

    /// Adds faults that another check found.
    pub(crate) fn refuse_all(&mut self, faults: impl IntoIterator<Item = FieldFault>) {
        self.faults.extend(faults);
    }

    fn present(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn required(&mut self, field: &str) -> Option<&'a Value> {
        let value = self.object.get(field);
        if value.is_none() {
            self.refuse(field, "missing", "this field is required");
        }
        value
    }

    /// A text of `least` to `most` characters that must be there.
    pub(crate) fn text(&mut self, field: &str, least: usize, most: usize) -> Option<&'a str> {
        let value = self.required(field)?;
        self.check_text(field, value, least, most)
    }

    /// A text of at most `most` characters that may be absent or null.
    pub(crate) fn optional_text(&mut self, field: &str, most: usize) -> Option<&'a str> {
        self.optional_text_of(field, 0, most)
    }

    /// A text of `least` to `most` characters that may be absent or null.
    pub(crate) fn optional_text_of(
        &mut self,
        field: &str,
        least: usize,
        most: usize,
    ) -> Option<&'a str> {
        let value = self.present(field)?;
        self.check_text(field, value, least, most)
    }

    fn check_text(
        &mut self,
        field: &str,
        value: &'a Value,
        least: usize,
        most: usize,
    ) -> Option<&'a str> {
        let Some(text) = value.as_str() else {
            self.refuse(
                field,
                "string_type",
                format!("must be a string, not {}", kind_of(value)),
            );
            return None;
        };
        let length = text.chars().count();
        if length < least {
            let wanted = if least == 1 {
                "must not be empty".to_owned()
            } else {
                format!("must have at least {least} characters")
            };
            self.refuse(field, "string_too_short", wanted);
        } else if length > most {
            self.refuse(
                field,
                "string_too_long",
                format!("has {length} characters, the limit is {most}"),
            );
        } else {
            return Some(text);
        }
        None
    }

    /// A whole number from `least` to `most` that must be there.
    pub(crate) fn integer(&mut self, field: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.required(field)?;
        self.check_integer(field, value, least, most)
    }

    /// A whole number from `least` to `most` that may be absent or null.
    pub(crate) fn optional_integer(&mut self, field: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.present(field)?;
        self.check_integer(field, value, least, most)
    }

    fn check_integer(&mut self, field: &str, value: &Value, least: u64, most: u64) -> Option<u64> {
        let Some(number) = value.as_number() else {
            let message = format!("must be an integer, not {}", kind_of(value));
            self.refuse(field, "int_type", message);
            return None;
        };
        if let Some(whole) = number.as_u64().filter(|n| (least..=most).contains(n)) {
            return Some(whole);
        }
        // The parser makes a float of `-0`, and of what no 64 bits hold.
        let float = number.as_f64().unwrap_or(f64::NAN);
        let is_whole = !number.is_f64() || float.fract() == 0.0;
        let (rule, message) = if is_whole && float > most as f64 {
            (
                "less_than_equal",
                format!("is {number}, the limit is {most}"),
            )
        } else if is_whole && float < least as f64 {
            (
                "greater_than_equal",
                format!("is {number}, must be at least {least}"),
            )
        } else {
            (
                "int_type",
                format!("is {number}, must be an integer from {least} to {most} in plain digits"),
            )
        };
        self.refuse(field, rule, message);
        None
    }

    /// One of `words` that may be absent or null.
    pub(crate) fn optional_word<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.present(field)?;
        let Some(text) = value.as_str() else {
            let message = format!("must be a string, not {}", kind_of(value));
            self.refuse(field, "string_type", message);
            return None;
        };
        match words::find(words, text) {
            Ok(found) => Some(found),
            Err(message) => {
                self.refuse(field, "enum", message);
                None
            }
        }
    }

    /// A list of `least` to `most` items that must be there.
    pub(crate) fn list(&mut self, field: &str, least: usize, most: usize) -> Option<&'a [Value]> {
        let value = self.required(field)?;
        let Some(list) = value.as_array() else {
            let message = format!("must be a list, not {}", kind_of(value));
            self.refuse(field, "list_type", message);
            return None;
        };
        if !(least..=most).contains(&list.len()) {
            let rule = if list.len() < least {
                "too_short"
            } else {
                "too_long"
            };
            let message = format!("has {} items, must have {least} to {most}", list.len());
            self.refuse(field, rule, message);
            return None;
        }
        Some(list)
    }

    /// An object that must be there.
    pub(crate) fn object(&mut self, field: &str) -> Option<&'a Map<String, Value>> {
        let value = self.required(field)?;
        if value.as_object().is_none() {
            self.refuse(
                field,
                "object_type",
                format!("must be an object, not {}", kind_of(value)),
            );
        }
        value.as_object()
    }

    /// An object of at most `most` bytes as JSON that may be absent or null.
    pub(crate) fn optional_object(&mut self, field: &str, most: usize) -> Option<&'a Value> {
        let value = self.present(field)?;
        if !value.is_object() {
            self.refuse(
                field,
                "object_type",
                format!("must be an object, not {}", kind_of(value)),
            );
            return None;
        }
        let length = value.to_string().len();
        if length > most {
            let message = format!("has {length} bytes as JSON, the limit is {most}");
            self.refuse(field, "object_too_large", message);
            return None;
        }
        Some(value)
    }

    /// Yes or no; no when it is absent or null.
    pub(crate) fn optional_flag(&mut self, field: &str) -> bool {
        let Some(value) = self.present(field) else {
            return false;
        };
        if !value.is_boolean() {
            self.refuse(
                field,
                "bool_type",
                format!("must be true or false, not {}", kind_of(value)),
            );
        }
        *value == Value::Bool(true)
    }

    /// An id that may be absent or null.
    pub(crate) fn optional_id<T: std::str::FromStr>(&mut self, field: &str) -> Option<T> {
        let value = self.present(field)?;
        let id = value.as_str().and_then(|text| text.parse().ok());
        if id.is_none() {
            self.refuse(field, "uuid_type", "must be a UUID");
        }
        id
    }

    /// Whether the body has the field, null or not.
    pub(crate) fn is_given(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// A text of `least` to `most` characters that may be left out, for a change.
    pub(crate) fn given_text(&mut self, field: &str, least: usize, most: usize) -> Option<&'a str> {
        let value = self.object.get(field)?;
        self.check_text(field, value, least, most)
    }

    /// An id for a change: `None` when it is left out, `Some(None)` when it is null.
    #[expect(
        clippy::option_option,
        reason = "left out, null and an id are three things, and a caller asks with unwrap_or"
    )]
    pub(crate) fn given_id<T: std::str::FromStr>(&mut self, field: &str) -> Option<Option<T>> {
        self.is_given(field).then(|| self.optional_id(field))
    }

    /// Ends the reading of a part: what was wrong with it.
    pub(crate) fn into_faults(self) -> Vec<FieldFault> {
        self.faults
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every fault that was found, in the order of reading.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Fault::invalid(self.faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(body: &Value) -> Vec<(String, &'static str)> {
        let mut fields = Fields::of(body).unwrap();
        fields.text("name", 1, 5);
        fields.integer("size", 1, 10);
        fields.optional_object("metadata", 20);
        match fields.finish() {
            Ok(()) => Vec::new(),
            Err(fault) => fault
                .fields
                .iter()
                .map(|field| (field.field(), field.rule))
                .collect(),
        }
    }

    #[test]
    fn every_fault_is_told_with_its_rule() {
        let cases = [
            (json!({"name": "a", "size": 1}), vec![]),
            (
                json!({"name": "äöüßé", "size": 10, "metadata": null, "more": 1}),
                vec![],
            ),
            (json!({}), vec![("name", "missing"), ("size", "missing")]),
            (
                json!({"name": "", "size": 0}),
                vec![("name", "string_too_short"), ("size", "greater_than_equal")],
            ),
            (
                json!({"name": "abcdef", "size": 11}),
                vec![("name", "string_too_long"), ("size", "less_than_equal")],
            ),
            (
                json!({"name": 1, "size": "1"}),
                vec![("name", "string_type"), ("size", "int_type")],
            ),
            (
                json!({"name": "a", "size": 1.5}),
                vec![("size", "int_type")],
            ),
            (
                json!({"name": "a", "size": -1}),
                vec![("size", "greater_than_equal")],
            ),
            (
                json!({"name": "a", "size": -0.0}),
                vec![("size", "greater_than_equal")],
            ),
            (
                json!({"name": "a", "size": u64::MAX}),
                vec![("size", "less_than_equal")],
            ),
            (
                json!({"name": "a", "size": 18_446_744_073_709_551_616_f64}),
                vec![("size", "less_than_equal")],
            ),
            (
                json!({"name": "a", "size": 2.0}),
                vec![("size", "int_type")],
            ),
            (
                json!({"name": "a", "size": 1, "metadata": []}),
                vec![("metadata", "object_type")],
            ),
            (
                json!({"name": "a", "size": 1, "metadata": {"k": "01234567890123456789"}}),
                vec![("metadata", "object_too_large")],
            ),
        ];
        for (body, expected) in cases {
            let expected: Vec<(String, &str)> = expected
                .into_iter()
                .map(|(field, rule)| (field.to_owned(), rule))
                .collect();
            assert_eq!(rules(&body), expected, "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_a_whole() {
        let fault = Fields::of(&json!([1])).unwrap_err();
        assert_eq!(fault.fields[0].loc, ["body"]);
        assert_eq!(fault.fields[0].field(), "body");
        assert_eq!(fault.message, "the body must be a JSON object, not a list");
    }

    #[test]
    fn a_number_that_is_no_integer_is_told_what_it_may_be() {
        for (number, told) in [
            (
                "18446744073709551616",
                "is 1.8446744073709552e+19, the limit is 10",
            ),
            ("-0", "is -0.0, must be at least 1"),
            (
                "2.0",
                "is 2.0, must be an integer from 1 to 10 in plain digits",
            ),
            ("\"2\"", "must be an integer, not a string"),
        ] {
            let body = format!("{{\"size\": {number}}}");
            let body: Value = serde_json::from_str(&body).unwrap();
            let mut fields = Fields::of(&body).unwrap();
            assert_eq!(fields.integer("size", 1, 10), None);
            assert_eq!(fields.into_faults()[0].message, told, "{number}");
        }
    }
}
