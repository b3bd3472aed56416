//! The fields that a new webhook and a changed one have in common.

use runnel_types::{EventType, FieldFault, words};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Services;
use crate::fields::{Fields, kind_of};

/// The most characters of a name.
pub(super) const MAX_NAME: usize = 255;
/// The most characters of a URL.
pub(super) const MAX_URL: usize = 2048;
/// The fewest and the most characters of a secret. SPEC: runs.md, "Webhooks".
pub(super) const SECRET: (usize, usize) = (16, 255);
/// The most event types that are looked at; there are fewer.
const MAX_TYPES: usize = 100;
/// How much of a secret's hash is shown, in bytes.
const FINGERPRINT_BYTES: usize = 8;

/// The two ways in which event types are given.
const LONG: &str = "event_subscriptions";
const SHORT: &str = "event_types";

impl Services {
    /// Notes what is wrong with a webhook's URL.
    pub(super) fn check_webhook_url(&self, fields: &mut Fields<'_>, url: Option<&str>) {
        if let Some(url) = url
            && let Err(error) = self.egress.check_url(url, "webhook")
        {
            fields.refuse("url", "url", error.to_string());
        }
    }
}

/// By what a person recognises a secret without seeing it.
pub(super) fn fingerprint(secret: &str) -> String {
    hex::encode(&Sha256::digest(secret.as_bytes())[..FINGERPRINT_BYTES])
}

/// The event types that a body names, in the order of all there are; none is
/// all of them. `None` when the body does not speak of them.
pub(super) fn event_types(fields: &mut Fields<'_>, body: &Value) -> Option<Vec<EventType>> {
    let long = read(fields, body, LONG, |item| {
        let Some(object) = item.as_object() else {
            return Err(("", format!("must be an object, not {}", kind_of(item))));
        };
        event_type(object.get("event_type_code").unwrap_or(&Value::Null))
            .map_err(|message| (".event_type_code", message))
    });
    let short = read(fields, body, SHORT, |item| {
        event_type(item).map_err(|message| ("", message))
    });
    if let (Some(long), Some(short)) = (&long, &short)
        && long != short
    {
        let message = format!("says another thing than {LONG}; give one of the two");
        fields.refuse(SHORT, "conflict", message);
    }
    long.or(short)
}

/// Where in an item something is wrong, and what.
type Wrong = (&'static str, String);

fn read(
    fields: &mut Fields<'_>,
    body: &Value,
    field: &str,
    item: impl Fn(&Value) -> Result<EventType, Wrong>,
) -> Option<Vec<EventType>> {
    let given = match body.get(field)? {
        Value::Null => return Some(Vec::new()),
        Value::Array(given) => given,
        other => {
            let message = format!("must be a list, not {}", kind_of(other));
            fields.refuse(field, "list_type", message);
            return None;
        }
    };
    if given.len() > MAX_TYPES {
        let message = format!(
            "has {} items, the limit is {MAX_TYPES}; leave it out to hear of everything",
            given.len()
        );
        fields.refuse(field, "too_long", message);
        return None;
    }
    let mut found = Vec::new();
    for (index, value) in given.iter().enumerate() {
        match item(value) {
            Ok(one) => found.push(one),
            Err((below, message)) => {
                let path = format!("{field}.{index}{below}");
                fields.refuse_all([FieldFault::body(&path, "enum", message)]);
            }
        }
    }
    let all = EventType::ALL.iter().copied();
    Some(all.filter(|one| found.contains(one)).collect())
}

fn event_type(value: &Value) -> Result<EventType, String> {
    let Some(text) = value.as_str() else {
        return Err(format!(
            "must be the code of an event type, not {}",
            kind_of(value)
        ));
    };
    if let Ok(found) = text.parse() {
        return Ok(found);
    }
    if text.contains('*') {
        return Err(format!(
            "is {:?}, and there are no wildcards; leave {SHORT} out to hear of everything, or name the event types: {}",
            words::shortened(text),
            words::listed(EventType::WORDS)
        ));
    }
    Err(words::none_of(EventType::WORDS, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_all(body: &Value) -> Result<Option<Vec<EventType>>, Vec<(String, String)>> {
        let mut fields = Fields::of(body).unwrap();
        let types = event_types(&mut fields, body);
        match fields.finish() {
            Ok(()) => Ok(types),
            Err(fault) => Err(fault
                .fields
                .iter()
                .map(|one| (one.field(), one.message.clone()))
                .collect()),
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        use EventType::{AssetCreated, RunFailed};
        let long = json!([{"event_type_code": "asset.created"}, {"event_type_code": "run.failed"}]);
        let short = json!(["run.failed", "asset.created", "run.failed"]);
        for body in [
            json!({"event_subscriptions": long}),
            json!({"event_types": short}),
            json!({"event_types": short, "event_subscriptions": long}),
        ] {
            let expected = Ok(Some(vec![RunFailed, AssetCreated]));
            assert_eq!(read_all(&body), expected, "{body}");
        }
        for body in [json!({"event_types": []}), json!({"event_types": null})] {
            assert_eq!(read_all(&body), Ok(Some(vec![])), "{body}");
        }
        assert_eq!(read_all(&json!({})), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place_with_what_would_be_right() {
        for (body, place, words) in [
            (
                json!({"event_types": ["run.failed", "run.complete"]}),
                "event_types.1",
                "did you mean \"run.completed\"",
            ),
            (
                json!({"event_types": ["run.*"]}),
                "event_types.0",
                "leave event_types out",
            ),
            (json!({"event_types": ["*"]}), "event_types.0", "wildcards"),
            (json!({"event_types": [7]}), "event_types.0", "a number"),
            (json!({"event_types": "run.failed"}), "event_types", "list"),
            (
                json!({"event_types": vec!["x"; 101]}),
                "event_types",
                "limit is 100",
            ),
            (
                json!({"event_subscriptions": ["run.failed"]}),
                "event_subscriptions.0",
                "must be an object",
            ),
            (
                json!({"event_subscriptions": [{"code": "run.failed"}]}),
                "event_subscriptions.0.event_type_code",
                "not null",
            ),
            (
                json!({"event_types": ["run.failed"], "event_subscriptions": []}),
                "event_types",
                "another thing",
            ),
        ] {
            let found = read_all(&body).unwrap_err();
            assert_eq!(found.len(), 1, "{body}: {found:?}");
            assert_eq!(found[0].0, place, "{body}");
            assert!(found[0].1.contains(words), "{body}: {}", found[0].1);
        }
    }
}
