//! Answers that are no success, as errors that tell a person what to do.
//!
//! What a server says for itself is read up to its first 4 KiB, from the fields
//! that servers use for it (`detail`, `error`, `message`); a web page, which is
//! what proxies answer with, is recognised and named instead of being quoted.

use runnel_egress::Reply;
use serde_json::Value;

use crate::engine::{EngineError, EngineErrorKind};

/// How much of an answer is looked at.
const LOOKED_AT: usize = 4096;
/// How much of a server's words is repeated, in characters.
const REPEATED: usize = 500;

/// Reads an answer that is no success.
pub(crate) async fn read(reply: Reply) -> EngineError {
    let (status, host) = (reply.status(), reply.host().to_owned());
    let (media_type, retry_after) = (reply.media_type(), reply.retry_after());
    let body = reply.read_start(LOOKED_AT).await;
    let said = said(media_type.as_deref(), &body);
    let asks_to_wait = retry_after.is_some() || is_overload(&body);
    judge(status, &host, &said, asks_to_wait).after(retry_after)
}

/// What a status means for the run.
fn judge(status: u16, host: &str, said: &str, asks_to_wait: bool) -> EngineError {
    let answered = format!("the engine at {host} answered {status}: {said}");
    match status {
        400 | 413 | 415 | 422 => EngineError::invalid_input(answered),
        401 | 403 | 407 => EngineError::failed(format!(
            "the engine at {host} does not let this server in ({status}: {said}); the operator may mend the headers or the key in the model file"
        )),
        404 | 405 | 410 => EngineError::failed(format!(
            "the engine at {host} has nothing at the URL that the model file names ({status}: {said})"
        )),
        429 => EngineError::busy(answered),
        503 if asks_to_wait => EngineError::busy(answered),
        408 | 425 | 502..=504 => EngineError::unavailable(answered),
        500.. => EngineError::new(EngineErrorKind::Failed, answered).passing(),
        _ => EngineError::failed(answered),
    }
}

/// Whether a server says that it has too much to do, as Ray Serve does without a
/// header to tell.
fn is_overload(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    [
        "backpressure",
        "overload",
        "too many requests",
        "queue is full",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// Whether a body is a web page.
pub(crate) fn is_page(media_type: Option<&str>, body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).to_lowercase();
    let start = start.trim_start();
    media_type == Some("text/html") || start.starts_with("<!doctype") || start.starts_with("<html")
}

/// A server's own words, shortened.
pub(crate) fn said(media_type: Option<&str>, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    if is_page(media_type, body) {
        return match title(&text) {
            Some(title) => format!("a web page, {:?}", squeezed(title)),
            None => "a web page".to_owned(),
        };
    }
    let words = serde_json::from_slice(body)
        .ok()
        .and_then(|json| from_json(&json));
    let words = squeezed(&words.unwrap_or_else(|| text.into_owned()));
    if words.is_empty() {
        return "nothing more".to_owned();
    }
    words
}

/// What the usual fields of an answer say.
pub(crate) fn from_json(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().filter_map(from_json).collect();
            (!words.is_empty()).then(|| words.join("; "))
        }
        Value::Object(fields) => {
            let place = fields.get("loc").and_then(Value::as_array).map(|loc| {
                let parts = loc.iter().filter(|part| part.as_str() != Some("body"));
                let part = |part: &Value| part.as_str().map_or(part.to_string(), str::to_owned);
                parts.map(part).collect::<Vec<_>>().join(".")
            });
            let words = [
                "errors", "detail", "error", "message", "msg", "title", "reason",
            ]
            .iter()
            .filter_map(|name| fields.get(*name))
            .find_map(from_json)?;
            Some(match place {
                Some(place) if !place.is_empty() => format!("{place}: {words}"),
                _ => words,
            })
        }
        _ => None,
    }
}

fn title(page: &str) -> Option<&str> {
    // Lower case may change the length of letters beyond ASCII, so only ASCII is.
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title>")? + "<title>".len();
    let end = begin + lower[begin..].find("</title>")?;
    Some(&page[begin..end])
}

/// One line, and no longer than what is repeated.
pub(crate) fn squeezed(text: &str) -> String {
    let printable = text.replace(char::is_control, " ");
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(REPEATED).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_told_by_what_can_be_done_about_it() {
        use EngineErrorKind::{Busy, Failed, InvalidInput, Unavailable};
        for (status, waits, kind, passing) in [
            (400, false, InvalidInput, false),
            (413, false, InvalidInput, false),
            (415, false, InvalidInput, false),
            (422, false, InvalidInput, false),
            (401, false, Failed, false),
            (403, false, Failed, false),
            (404, false, Failed, false),
            (409, false, Failed, false),
            (408, false, Unavailable, true),
            (425, false, Unavailable, true),
            (429, false, Busy, true),
            (500, false, Failed, true),
            (502, false, Unavailable, true),
            (503, false, Unavailable, true),
            (503, true, Busy, true),
        ] {
            let error = judge(status, "a:1", "words", waits);
            assert_eq!((error.kind, error.is_passing), (kind, passing), "{status}");
            assert!(error.message.contains("words"), "{error}");
            assert!(error.message.contains(&status.to_string()), "{error}");
        }
    }

    #[test]
    fn a_servers_words_are_found_where_servers_put_them() {
        let fastapi =
            json!({"detail": [{"loc": ["body", "size", 0], "msg": "too big", "type": "x"}]});
        let ours = json!({"code": "VALIDATION_ERROR", "message": "the request is not valid",
            "errors": [{"loc": ["body", "input", "prompt"], "msg": "is required"}]});
        for (body, words) in [
            (json!({"detail": "no"}), "no"),
            (json!({"error": "no"}), "no"),
            (json!({"error": {"message": "no", "type": "x"}}), "no"),
            (json!({"message": "no", "errors": null}), "no"),
            (fastapi, "size.0: too big"),
            (ours, "input.prompt: is required"),
            (json!({"other": 1}), "{\"other\":1}"),
        ] {
            assert_eq!(said(None, body.to_string().as_bytes()), words);
        }
        assert_eq!(said(None, b""), "nothing more");
        assert_eq!(said(None, b"line\r\n  line\x00"), "line line");
        assert_eq!(
            said(
                None,
                b"\n<!DOCTYPE html><HTML><Title>502 Bad\nGateway</title>"
            ),
            "a web page, \"502 Bad Gateway\""
        );
        assert_eq!(said(Some("text/html"), b"oops"), "a web page");
        assert!(said(None, "é".repeat(5000).as_bytes()).chars().count() <= 501);
    }
}
