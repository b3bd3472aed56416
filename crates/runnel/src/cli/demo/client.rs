//! The demo's HTTP client: one line on the terminal for each request.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use runnel_egress::{Body, Egress, EgressError, Method};
use serde_json::Value;

use super::receiver::RECEIVED_AT;
use crate::{Failure, printer};

/// How much of a body is handed to the connection at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// A client of one server, with a key.
pub(super) struct Client {
    egress: Egress,
    base_url: String,
    key: String,
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) elapsed: Duration,
}

impl Client {
    /// `authority` is a PEM file's text, for a server whose certificate is not
    /// from a public one.
    pub(super) fn new(
        base_url: String,
        key: String,
        authority: Option<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let egress =
            Egress::open_for_cli(authority).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self {
            egress,
            base_url,
            key,
        })
    }

    /// A request to the API, with the key; the answer must have `status`.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Value, Failure> {
        let answer = self.send(method.clone(), path, body).await?;
        step(method.as_str(), path, &answer);
        expect(&answer, status)?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::new(format!("{path} did not answer with JSON: {error}")))
    }

    /// The same without a line on the terminal, for polling.
    pub(super) async fn peek(&self, path: &str) -> Result<(Value, Answer), Failure> {
        let answer = self.send(Method::GET, path, None).await?;
        expect(&answer, 200)?;
        let value = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::new(format!("{path} did not answer with JSON: {error}")))?;
        Ok((value, answer))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.key))];
        let body = match body {
            Some(body) => {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                Body::Bytes(Bytes::from(body.to_string()))
            }
            None => Body::Empty,
        };
        self.exchange(method, &format!("{}{path}", self.base_url), headers, body)
            .await
    }

    /// Sends a file to a signed URL: no key, and a bar that shows how far it is.
    pub(super) async fn put(
        &self,
        url: &str,
        mime_type: &str,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let bar = bar(bytes.len() as u64);
        let shown = bar.clone();
        let length = bytes.len();
        let chunks = futures_util::stream::iter((0..length).step_by(CHUNK)).map(move |start| {
            let chunk = bytes.slice(start..length.min(start + CHUNK));
            shown.inc(chunk.len() as u64);
            Ok::<_, std::io::Error>(chunk)
        });
        let headers = vec![
            ("content-type".to_owned(), mime_type.to_owned()),
            ("content-length".to_owned(), length.to_string()),
        ];
        let answer = self
            .exchange(Method::PUT, url, headers, Body::stream(chunks))
            .await;
        bar.finish_and_clear();
        let answer = answer?;
        step("PUT", "upload_url (signed, no key)", &answer);
        expect(&answer, 200)
    }

    /// Fetches a file from a signed URL.
    pub(super) async fn fetch(&self, what: &str, url: &str) -> Result<Bytes, Failure> {
        let answer = self
            .exchange(Method::GET, url, Vec::new(), Body::Empty)
            .await?;
        step("GET", what, &answer);
        expect(&answer, 200)?;
        Ok(answer.body)
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let response = self
            .egress
            .request(method, url, headers, body)
            .await
            .map_err(|error| {
                let failure = Failure::new(error.to_string());
                failure.hint(match error {
                    EgressError::Tls { .. } => {
                        "name the authority of the server's certificate with --tls-ca; that of --tls-self-signed is tls/ca.pem in its data folder"
                    }
                    _ => "is the server running, and is --base-url its address?",
                })
            })?;
        let status = response.status();
        let body = response
            .bytes(256 * 1024 * 1024)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        Ok(Answer {
            status,
            body,
            elapsed: started.elapsed(),
        })
    }
}

fn expect(answer: &Answer, status: u16) -> Result<(), Failure> {
    if answer.status == status {
        return Ok(());
    }
    let reason = reason(&answer.body);
    let failure = Failure::new(format!(
        "expected status {status}, got {}: {reason}",
        answer.status
    ));
    Err(if reason.contains("RUNNEL_EGRESS_ALLOW") {
        failure.hint(format!(
            "the demo receives the callback on this machine: start that server with RUNNEL_EGRESS_ALLOW={RECEIVED_AT}"
        ))
    } else {
        failure
    })
}

/// What an answer says of itself: its code and message and the fields that are
/// wrong, or what it is when it is none of the API's.
fn reason(body: &[u8]) -> String {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(code), Some(message)) = (parsed["code"].as_str(), parsed["message"].as_str()) else {
        return format!("{} bytes that are no error of this API", body.len());
    };
    let mut told = format!("{code}: {message}");
    for field in parsed["errors"].as_array().into_iter().flatten() {
        if let (Some(name), Some(message)) = (field["field"].as_str(), field["message"].as_str()) {
            // Writing to a string cannot fail.
            let _ = write!(told, "\n  {name}: {message}");
        }
    }
    told
}

/// One line for one request.
pub(super) fn step(method: &str, what: &str, answer: &Answer) {
    line(
        &format!("{method:<5} {what}"),
        &answer.status.to_string(),
        answer.elapsed,
    );
}

/// One line for anything that took time.
pub(super) fn line(what: &str, result: &str, elapsed: Duration) {
    printer::note(&format!(
        "  {what:<75} {result:>9} {:>8.1} ms",
        elapsed.as_secs_f64() * 1000.0
    ));
}

fn bar(length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("  PUT   [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}");
    let bar = ProgressBar::new(length);
    // INVARIANT: the template is a constant; were it wrong, the plain bar shows.
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸ "),
    );
    bar
}
