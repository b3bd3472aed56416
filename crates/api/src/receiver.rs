//! A small receiver of callbacks on this machine, for demonstrations and for
//! developing a receiver of one's own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::body_limit;

/// The most bytes of a callback.
const LIMIT: usize = 16 * 1024 * 1024;

/// How long answers that were given get to be sent when it closes.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A callback as it arrived. It waits for [`Received::answer`].
#[derive(Debug)]
pub struct Received {
    /// Its headers, in the order in which they came; those that are no text are
    /// left out.
    pub headers: Vec<(String, String)>,
    /// Its body, byte for byte.
    pub body: Bytes,
    answer: oneshot::Sender<StatusCode>,
}

impl Received {
    /// The first header called `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Answers with an HTTP status; a sender that has gone does not matter.
    pub fn answer(self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let _ = self.answer.send(status);
    }
}

/// Listens until it is closed or dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    events: mpsc::Receiver<Received>,
    serving: JoinHandle<()>,
    stop: CancellationToken,
}

impl Receiver {
    /// Listens on `address`.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn listen(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (sender, events) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let router =
            Router::new().fallback(any(move |request: Request| accept(sender.clone(), request)));
        let patience = crate::patience::Patience::default();
        let serving =
            crate::server::serve(listener, None, router, patience, stop.clone(), LAST_ANSWERS);
        Ok(Self {
            address,
            events,
            serving: tokio::spawn(serving),
            stop,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next callback; `None` when it does not listen any more.
    pub async fn next(&mut self) -> Option<Received> {
        self.events.recv().await
    }

    /// Stops listening, when the answers that were given are sent.
    pub async fn close(mut self) {
        self.events.close();
        self.stop.cancel();
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(sender: mpsc::Sender<Received>, request: Request) -> StatusCode {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers = request.headers().iter().filter_map(text).collect();
    let arriving = Limited::new(body_limit::unless_idle(request.into_body()), LIMIT);
    let body = match arriving.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return StatusCode::PAYLOAD_TOO_LARGE,
        // It stopped arriving, or broke off.
        Err(_) => return StatusCode::BAD_REQUEST,
    };
    let (answer, answered) = oneshot::channel();
    let received = Received {
        headers,
        body,
        answer,
    };
    if sender.send(received).await.is_err() {
        return StatusCode::GONE;
    }
    answered.await.unwrap_or(StatusCode::GONE)
}
