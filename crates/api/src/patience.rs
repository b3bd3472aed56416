//! How long the server waits for a client that says nothing or takes nothing.

use std::time::Duration;

use axum::http::Extensions;

/// How long a client may keep the server waiting. It travels with each request,
/// for those who write its answer; how bodies are waited for is the domain's.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the first bytes, a TLS greeting, the head of a request, and the next
    /// request over HTTP/1.1.
    pub head: Duration,
    /// Between two pieces of a stored file that is fetched. An open file is
    /// held for no longer than this.
    pub taking: Duration,
    /// For a connection on which no request is at work and no answer moves.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            taking: Duration::from_mins(1),
            // Longer than the others: a slow client that still takes an answer
            // takes it in pieces as large as its kernel's buffer.
            idle: Duration::from_mins(2),
        }
    }
}

impl Patience {
    /// The patience that came with a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }
}
