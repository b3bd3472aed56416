//! A POST of which only the status and the beginning of the answer matter: a
//! callback.
//!
//! The status is the answer: once it is there it counts, whatever becomes of
//! the body. That is kept as far as it came within the limits, and what cut it
//! short is told beside it. One limit of time holds for the whole exchange, the
//! look-up of the name included.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant as Deadline, timeout_at};

use super::{Egress, MAX_URL, describe};
use crate::error::EgressError;

/// A POST whose answer matters only up to its first bytes.
#[derive(Debug, Clone)]
pub struct Post {
    /// Where it goes.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// How much of the answer is read.
    pub max_response_bytes: usize,
    /// What it is for, for messages: `callback`.
    pub purpose: &'static str,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The first bytes of the body.
    pub body: Bytes,
    /// Why the body ended before its end and before the limit.
    pub broken_off: Option<String>,
    /// How long the status took.
    pub elapsed: Duration,
}

impl Egress {
    /// Sends a POST and reads the beginning of its answer. Redirects are not
    /// followed: their status is the answer.
    ///
    /// # Errors
    /// Every [`EgressError`].
    pub async fn post(&self, post: Post) -> Result<Answer, EgressError> {
        let started = Instant::now();
        let deadline = Deadline::now() + post.timeout;
        let (url, host) = self.parse(&post.url, MAX_URL, post.purpose)?;
        timeout_at(deadline, self.check_name(&url, &host, post.purpose))
            .await
            .map_err(|_| EgressError::Resolve {
                host: host.clone(),
                reason: format!("no answer within {} s", post.timeout.as_secs_f64()),
            })??;
        let mut request = self.client.post(url).body(post.body);
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        let response = timeout_at(deadline, request.send())
            .await
            .map_err(|_| EgressError::Timeout {
                host: host.clone(),
                limit: post.timeout,
            })?
            .map_err(|error| describe(&error, &host, post.purpose, post.timeout))?;
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        let mut body = BytesMut::new();
        let reading = read_into(&mut body, response, post.max_response_bytes);
        let broken_off = match timeout_at(deadline, reading).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(describe(&error, &host, post.purpose, post.timeout).to_string()),
            Err(_) => Some(format!(
                "the answer was not over within {} s",
                post.timeout.as_secs_f64()
            )),
        };
        Ok(Answer {
            status,
            body: body.freeze(),
            broken_off,
            elapsed,
        })
    }
}

/// Reads until `body` has `limit` bytes or the answer is over. The rest is not
/// waited for: dropping the response closes its connection.
async fn read_into(
    body: &mut BytesMut,
    response: reqwest::Response,
    limit: usize,
) -> Result<(), reqwest::Error> {
    let mut chunks = response.bytes_stream();
    while body.len() < limit {
        let Some(chunk) = chunks.next().await.transpose()? else {
            break;
        };
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(())
}
