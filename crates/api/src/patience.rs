//! How long the server waits for a client that says nothing or takes nothing.

use std::time::Duration;

/// How long a client may keep the server waiting on its connection. How long
/// bodies are waited for, and files kept open, is the domain's.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the first bytes, a TLS greeting, the head of a request, and the next
    /// request over HTTP/1.1.
    pub head: Duration,
    /// For a connection on which no request is at work and nothing of an answer
    /// is sent; its client is then told to begin nothing new, and after the same time
    /// again the connection is closed.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            // Longer than the other: what a slow client takes of an answer shows
            // only when its kernel says so, which it does in pieces.
            idle: Duration::from_mins(2),
        }
    }
}
