//! What the engines that ask other servers have in common.
//!
//! [`Server`] is the operator's server with its headers; [`refusal`] turns
//! answers that are no success into errors for people; [`files`] writes the files
//! of an input into a request; [`outputs`] finds the files of an output in an
//! answer; [`events`] reads streams of events.

pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod logs;
pub(crate) mod outputs;
pub(crate) mod refusal;

use std::time::Duration;

use bytes::Bytes;
use runnel_egress::{Ask, Body, EgressError, Method, Origin, Reply, Url, WebSocket};
use serde_json::Value;

use crate::engine::EngineError;

/// The most of an answer in JSON that is read: pictures may be within it.
pub(crate) const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long a server has to take a request that calls something off.
pub(crate) const CANCEL_TIME: Duration = Duration::from_secs(3);

/// The operator's server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    origin: Origin,
    headers: Vec<(String, String)>,
}

/// A request to the server.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
    within: Option<Duration>,
    is_bare: bool,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Body::Empty,
            within: None,
            is_bare: false,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        let mut this = self.header("content-type", "application/json");
        this.body = Body::Bytes(Bytes::from(value.to_string()));
        this
    }

    pub(crate) fn bytes(mut self, mime_type: &str, bytes: Bytes) -> Self {
        self.headers
            .push(("content-type".to_owned(), mime_type.to_owned()));
        self.body = Body::Bytes(bytes);
        self
    }

    /// Lets the answer take as long as the work takes: the caller bounds that.
    pub(crate) fn however_long_it_takes(mut self) -> Self {
        self.within = Some(Duration::MAX);
        self
    }

    /// Leaves the operator's headers out: the URL alone opens the door.
    pub(crate) fn without_secrets(mut self) -> Self {
        self.is_bare = true;
        self
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }
}

impl Server {
    pub(crate) const fn new(origin: Origin, headers: Vec<(String, String)>) -> Self {
        Self { origin, headers }
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Host and port, for messages.
    pub(crate) fn name(&self) -> String {
        self.origin.name()
    }

    /// Sends a request; whatever is answered is the result.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, EngineError> {
        let url = self.origin.url(&call.path).map_err(|error| away(&error))?;
        self.send_to(url, call).await
    }

    /// Sends a request to the URL that the operator gave, as it is.
    pub(crate) async fn send_to_base(&self, call: Call) -> Result<Reply, EngineError> {
        self.send_to(self.origin.base().clone(), call).await
    }

    async fn send_to(&self, url: Url, call: Call) -> Result<Reply, EngineError> {
        self.ask(url, call).await.map_err(|error| away(&error))
    }

    async fn ask(&self, url: Url, call: Call) -> Result<Reply, EgressError> {
        let ask = Ask {
            method: call.method,
            url,
            secrets: if call.is_bare {
                Vec::new()
            } else {
                self.headers.clone()
            },
            headers: call.headers,
            body: call.body,
            within: Some(call.within.unwrap_or(self.origin.patience().answer)),
        };
        self.origin.send(ask).await
    }

    /// Sends a request and reads the JSON of a success.
    pub(crate) async fn json(&self, call: Call) -> Result<Value, EngineError> {
        let reply = self.send(call).await?;
        if !reply.is_success() {
            return Err(refusal::read(reply).await);
        }
        read_json(reply).await
    }

    /// Opens a WebSocket.
    pub(crate) async fn websocket(&self, path: &str) -> Result<WebSocket, EngineError> {
        let url = self.origin.url(path).map_err(|error| away(&error))?;
        let opened = self.origin.websocket(url, self.headers.clone()).await;
        opened.map_err(|error| away(&error))
    }

    /// Whether a GET of `path` is answered at all, and with a success where
    /// `path` was named for that.
    pub(crate) async fn probe(&self, path: Option<&str>) -> Result<(), String> {
        let call = Call::get(path.unwrap_or("")).within(Duration::from_secs(5));
        let reply = self.send(call).await.map_err(|error| error.to_string())?;
        if path.is_none() || reply.is_success() {
            return Ok(());
        }
        Err(format!("{} answers {}", reply.host(), reply.status()))
    }
}

/// Growing pauses between two looks: a quarter of a second, five seconds in the
/// end.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    let grown = |pause: &Duration| Some((*pause * 3 / 2).min(Duration::from_secs(5)));
    std::iter::successors(Some(Duration::from_millis(250)), grown)
}

/// The JSON of an answer that is a success.
pub(crate) async fn read_json(reply: Reply) -> Result<Value, EngineError> {
    let (status, host) = (reply.status(), reply.host().to_owned());
    let media_type = reply.media_type();
    let body = read_whole(reply).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let said = refusal::said(media_type.as_deref(), &body);
        EngineError::output_invalid(if refusal::is_page(media_type.as_deref(), &body) {
            format!("the engine at {host} answered {status} with {said} where JSON is due; check the URL in the model file")
        } else {
            format!("the engine at {host} answered {status} with what is no JSON ({error}): {said}")
        })
    })
}

/// A whole body, if it is not too large.
pub(crate) async fn read_whole(reply: Reply) -> Result<Bytes, EngineError> {
    let host = reply.host().to_owned();
    if let Some(announced) = reply.announced()
        && announced > MAX_ANSWER as u64
    {
        return Err(too_large(&host));
    }
    reply.read(MAX_ANSWER).await.map_err(|error| match &error {
        EgressError::Protocol { reason, .. } if reason.starts_with("the answer has more than") => {
            too_large(&host)
        }
        _ => away(&error),
    })
}

fn too_large(host: &str) -> EngineError {
    EngineError::output_invalid(format!(
        "the answer of the engine at {host} has more than {} MiB; let it answer with URLs instead of the bytes",
        MAX_ANSWER / 1024 / 1024
    ))
}

/// What it means for a run that no answer came.
pub(crate) fn away(error: &EgressError) -> EngineError {
    let message = format!("the engine cannot be worked with: {error}");
    match error {
        EgressError::Resolve { .. }
        | EgressError::Connect { .. }
        | EgressError::Tls { .. }
        | EgressError::Timeout { .. } => EngineError::unavailable(message),
        EgressError::Protocol { .. } => EngineError::failed(message).passing(),
        EgressError::InvalidUrl { .. } | EgressError::Refused { .. } => {
            EngineError::failed(message)
        }
    }
}

#[cfg(test)]
pub(crate) mod python;
#[cfg(test)]
pub(crate) mod stub;
