//! The HTTP client of the commands that talk to a server.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use runnel_egress::{Body, Egress, EgressError, Method, Response};
use serde_json::Value;

use crate::Failure;

/// How much of a body is handed to the connection at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024 * 1024;

/// Which server a command talks to. The variables are those that clients of the
/// API know.
#[derive(Debug, Args)]
pub(super) struct ServerFlags {
    /// The server
    #[arg(
        long,
        env = "RUNFLOW_API_BASE",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    base_url: String,
    /// A key of it, as `runnel keys create` makes one
    #[arg(
        long,
        env = "RUNFLOW_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    api_key: String,
    /// The authority that the server's certificate is from, if no public one
    #[arg(long, env = "RUNNEL_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

impl ServerFlags {
    /// A client of that server.
    pub(super) fn client(self) -> Result<Client, Failure> {
        let authority = authority(self.tls_ca.as_deref())?;
        let base_url = self.base_url.trim_end_matches('/').to_owned();
        Client::new(base_url, self.api_key, authority)
    }
}

/// Reads the file of an authority that a server's certificate is from.
pub(super) fn authority(path: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
    let read = path.map(fs_err::read).transpose();
    read.map_err(|error| Failure::new(error.to_string()))
}

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

    /// A request to the API, with the key.
    pub(super) async fn ask(
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

    /// Sends a file to a signed URL, without the key; `bar` shows how far it is.
    pub(super) async fn put(
        &self,
        url: &str,
        mime_type: &str,
        bytes: Bytes,
        bar: &ProgressBar,
    ) -> Result<Answer, Failure> {
        let headers = vec![
            ("content-type".to_owned(), mime_type.to_owned()),
            ("content-length".to_owned(), bytes.len().to_string()),
        ];
        self.exchange(Method::PUT, url, headers, watched(bytes, bar))
            .await
    }

    /// Sends a request to a URL as it is, and reads the answer.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let response = self.begin(method, url, headers, body).await?;
        let status = response.status();
        let body = response
            .bytes(LONGEST)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        Ok(Answer {
            status,
            body,
            elapsed: started.elapsed(),
        })
    }

    /// The same up to the head of the answer.
    pub(super) async fn begin(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<Response, Failure> {
        let sent = self.egress.request(method, url, headers, body).await;
        sent.map_err(|error| {
            let failure = Failure::new(error.to_string());
            failure.hint(match error {
                EgressError::Tls { .. } => {
                    "name the authority of the server's certificate with --tls-ca; that of --tls-self-signed is tls/ca.pem in its data folder"
                }
                _ => "is the server running, and is --base-url its address?",
            })
        })
    }
}

impl Answer {
    /// Fails with what the answer says, unless it has this status.
    pub(super) fn expect(&self, status: u16) -> Result<(), Failure> {
        if self.status == status {
            return Ok(());
        }
        let reason = reason(&self.body);
        Err(Failure::new(format!(
            "the server answered {}: {reason}",
            self.status
        )))
    }

    /// The answer's JSON; it must have this status.
    pub(super) fn json(&self, status: u16) -> Result<Value, Failure> {
        self.expect(status)?;
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::new(format!("the server did not answer with JSON: {error}")))
    }
}

/// A text of an answer.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, Failure> {
    value[field]
        .as_str()
        .ok_or_else(|| Failure::new(format!("the answer has no {field}: {value}")))
}

/// A body that moves a bar as it is sent.
pub(super) fn watched(bytes: Bytes, bar: &ProgressBar) -> Body {
    let bar = bar.clone();
    let length = bytes.len();
    let chunks = futures_util::stream::iter((0..length).step_by(CHUNK)).map(move |start| {
        let chunk = bytes.slice(start..length.min(start + CHUNK));
        bar.inc(chunk.len() as u64);
        Ok::<_, std::io::Error>(chunk)
    });
    Body::stream(chunks)
}

/// A bar for so many bytes; nothing is shown where nobody looks.
pub(super) fn bar(name: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "  {msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(length).with_message(name.to_owned());
    // INVARIANT: the template is a constant; were it wrong, the plain bar shows.
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸ "),
    );
    bar
}

/// What an answer says of itself: its code and message and the fields that are
/// wrong, or what it is when it is none of the API's.
fn reason(body: &[u8]) -> String {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(code), Some(message)) = (parsed["code"].as_str(), parsed["message"].as_str()) else {
        return format!("{} bytes that are no error of this API", body.len());
    };
    let mut told = format!("{code}: {message}");
    let fields = parsed["errors"].as_array().filter(|all| all.len() > 1);
    // Of one field alone the message speaks itself.
    for field in fields.into_iter().flatten() {
        if let (Some(name), Some(message)) = (field["field"].as_str(), field["message"].as_str()) {
            // Writing to a string cannot fail.
            let _ = write!(told, "\n  {name}: {message}");
        }
    }
    told
}
