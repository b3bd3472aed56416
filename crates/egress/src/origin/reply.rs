//! The answer of a named server: its head at once, its body within limits.
//!
//! A body is read whole up to a limit, or handed on as it comes. What counts for
//! the pace is the time spent waiting for the other side, not the time that the
//! caller takes with what came.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header;
use tokio::time::{Instant, timeout};

use super::Patience;
use crate::client::describe;
use crate::error::EgressError;

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Reply {
    inner: reqwest::Response,
    host: String,
    patience: Patience,
    in_window: u64,
    waited: Duration,
}

impl Reply {
    pub(super) const fn new(inner: reqwest::Response, host: String, patience: Patience) -> Self {
        Self {
            inner,
            host,
            patience,
            in_window: 0,
            waited: Duration::ZERO,
        }
    }

    pub(super) fn into_inner(self) -> reqwest::Response {
        self.inner
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Whether the status is a success.
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// Host and port of who answered.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The media type that the answer claims, in lower case and without its
    /// parameters.
    pub fn media_type(&self) -> Option<String> {
        let claimed = self.header(header::CONTENT_TYPE.as_str())?;
        let bare = claimed.split(';').next().unwrap_or_default();
        Some(bare.trim().to_ascii_lowercase())
    }

    /// How many bytes the answer announces.
    pub fn announced(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// When the other side asks to be tried again, where it says so in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header(header::RETRY_AFTER.as_str())?;
        text.trim().parse().ok().map(Duration::from_secs)
    }

    /// The whole body, which must have at most `limit` bytes.
    ///
    /// # Errors
    /// [`EgressError::Protocol`] for a longer one or when it breaks off,
    /// [`EgressError::Timeout`] when it trickles.
    pub async fn read(mut self, limit: usize) -> Result<Bytes, EgressError> {
        let too_long = |host: &str| EgressError::Protocol {
            host: host.to_owned(),
            reason: format!("the answer has more than {limit} bytes"),
        };
        if self.announced().is_some_and(|bytes| bytes > limit as u64) {
            return Err(too_long(&self.host));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(too_long(&self.host));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The first bytes of the body, whatever comes after them and however it ends.
    pub async fn read_start(mut self, limit: usize) -> Bytes {
        let mut body = BytesMut::new();
        while body.len() < limit
            && let Ok(Some(chunk)) = self.chunk().await
        {
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        body.freeze()
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`EgressError::Timeout`] when too few come in a stretch of waiting,
    /// [`EgressError::Protocol`] when the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        loop {
            let began = Instant::now();
            let left = self.patience.window.saturating_sub(self.waited);
            let came = timeout(left, self.inner.chunk()).await;
            self.waited += began.elapsed();
            let chunk = match came {
                Ok(Ok(Some(chunk))) => Some(chunk),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(self.broken(&error)),
                Err(_elapsed) => None,
            };
            self.in_window += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            if self.waited >= self.patience.window {
                if self.in_window < self.patience.least_bytes {
                    return Err(EgressError::Protocol {
                        host: self.host.clone(),
                        reason: format!(
                            "it is too slow: {} bytes came in {} s of waiting, {} are the least",
                            self.in_window,
                            self.patience.window.as_secs_f64(),
                            self.patience.least_bytes
                        ),
                    });
                }
                self.in_window = 0;
                self.waited = Duration::ZERO;
            }
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
    }

    /// The next bytes of an answer that may be silent in between, such as a
    /// stream of events; `None` at the end.
    ///
    /// # Errors
    /// [`EgressError::Timeout`] when nothing comes `within` that time,
    /// [`EgressError::Protocol`] when the connection breaks.
    pub async fn next_within(&mut self, within: Duration) -> Result<Option<Bytes>, EgressError> {
        match timeout(within, self.inner.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_elapsed) => Err(EgressError::Timeout {
                host: self.host.clone(),
                limit: within,
            }),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> EgressError {
        describe(error, &self.host, "request", self.patience.window)
    }
}
