//! The `Prefer` header (RFC 7240): what a client would like and can do without.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use runnel_domain::Services;
use runnel_types::{Fault, FieldFault};

use crate::error::ApiError;
use crate::parameters;

/// Where an answer says what was done of what was preferred.
pub(crate) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The seconds that a client may ask to wait. SPEC: runs.md, "Runs".
const SECONDS: std::ops::RangeInclusive<u64> = 1..=60;

/// For how long the client would wait for an answer that tells the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PreferredWait(pub(crate) Option<Duration>);

impl PreferredWait {
    /// The value of `Preference-Applied`.
    pub(crate) fn applied(self) -> Option<HeaderValue> {
        let seconds = self.0?.as_secs();
        HeaderValue::from_str(&format!("wait={seconds}")).ok()
    }
}

impl FromRequestParts<Arc<Services>> for PreferredWait {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Services>) -> Result<Self, ApiError> {
        Ok(read(&parts.headers)?)
    }
}

impl aide::OperationInput for PreferredWait {
    fn operation_input(
        _: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        parameters::document_prefer(operation);
    }
}

/// What is not known, or cannot be read, is passed over, as the RFC asks; a
/// number of seconds that is never applied is told, as its sender counts on it.
fn read(headers: &HeaderMap) -> Result<PreferredWait, Fault> {
    let given = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(preferences)
        // Of one that is given twice, the first counts.
        .find_map(|preference| wait(&preference));
    match given.as_deref().map(str::parse) {
        Some(Ok(seconds)) if SECONDS.contains(&seconds) => {
            Ok(PreferredWait(Some(Duration::from_secs(seconds))))
        }
        Some(_) if given.as_deref().is_some_and(is_number) => {
            let (least, most) = (SECONDS.start(), SECONDS.end());
            let message = format!(
                "wait must be from {least} to {most} seconds; leave it out to be answered at once"
            );
            Err(Fault::invalid(vec![FieldFault {
                loc: vec!["header".to_owned(), "Prefer".to_owned()],
                rule: "wait",
                message,
            }]))
        }
        _ => Ok(PreferredWait(None)),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The preferences of one header, set apart by commas outside of quotes.
fn preferences(header: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in header.chars() {
        if c == ',' && !is_quoted {
            found.push(String::new());
            continue;
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = is_quoted && c == '\\' && !is_escaped;
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found
}

/// The value of `wait`, when the preference is that.
fn wait(preference: &str) -> Option<String> {
    // What follows a semicolon are parameters, of which `wait` has none.
    let plain = preference.split(';').next()?;
    let (name, value) = plain.split_once('=').unwrap_or((plain, ""));
    let value = value.trim().trim_matches('"');
    name.trim()
        .eq_ignore_ascii_case("wait")
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[&str]) -> Result<Option<u64>, String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append("prefer", header.parse().unwrap());
        }
        let read = read(&map).map_err(|fault| fault.message)?;
        Ok(read.0.map(|wait| wait.as_secs()))
    }

    #[test]
    fn the_seconds_are_found_wherever_they_stand() {
        for (headers, seconds) in [
            (&["wait=10"][..], Some(10)),
            (&["Wait = \"7\""], Some(7)),
            (&["return=minimal, wait=1;foo=bar"], Some(1)),
            (&["respond-async", "wait=60"], Some(60)),
            (&["wait=5, wait=50"], Some(5)),
            (&["x=\"a, wait=3, \\\" wait=4\", wait=9"], Some(9)),
            (&[], None),
            (&["wait"], None),
            (&["wait="], None),
            (&["wait=soon"], None),
            (&["wait=1.5"], None),
            (&["waiting=5"], None),
            (&["x=wait"], None),
            (&[",,;=,"], None),
        ] {
            assert_eq!(of(headers), Ok(seconds), "{headers:?}");
        }
    }

    #[test]
    fn seconds_beyond_what_is_applied_are_told() {
        for header in ["wait=0", "wait=61", "wait=-1", "wait=99999999999999999999"] {
            let message = of(&[header]).unwrap_err();
            assert!(message.contains("1 to 60 seconds"), "{message}");
        }
    }
}
