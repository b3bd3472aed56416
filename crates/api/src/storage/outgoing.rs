//! The bytes of an object on their way out, held for no longer than they are taken.
//!
//! Nobody asks for the next bytes when a client takes none: the connection's
//! buffers are full, or an HTTP/2 stream has no window. A stream that is not
//! asked cannot act by itself, so a task beside it lets the open file go.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// An object's bytes; an error once they were not taken for too long.
#[derive(Debug)]
pub(super) struct Outgoing {
    source: Arc<Source>,
    _watch: AbortOnDropHandle<()>,
}

/// Where the bytes come from, as long as somebody takes them.
struct Source(Mutex<State>);

struct State {
    bytes: Option<BoxStream<'static, io::Result<Bytes>>>,
    taken: Instant,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Outgoing {
    /// `bytes`, dropped when no piece of them was taken for `patience`.
    pub(super) fn new(bytes: BoxStream<'static, io::Result<Bytes>>, patience: Duration) -> Self {
        let source = Arc::new(Source(Mutex::new(State {
            bytes: Some(bytes),
            taken: Instant::now(),
        })));
        let watched = Arc::clone(&source);
        let watch = tokio::spawn(async move { watched.watch(patience).await });
        Self {
            source,
            _watch: AbortOnDropHandle::new(watch),
        }
    }
}

impl Source {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the time at which the bytes were not taken for `patience`. A
    /// piece that is slow to come counts as not taken: what the storage is
    /// waited for is bounded where it is asked, and less.
    async fn watch(&self, patience: Duration) {
        loop {
            let over = self.state().taken + patience;
            sleep_until(over).await;
            let mut state = self.state();
            if state.taken + patience <= Instant::now() {
                if state.bytes.take().is_some() {
                    tracing::debug!(
                        "a file was let go: its client took nothing of it for too long"
                    );
                }
                return;
            }
        }
    }
}

impl Stream for Outgoing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut state = self.source.state();
        let Some(bytes) = &mut state.bytes else {
            return Poll::Ready(Some(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the bytes were not taken in time",
            ))));
        };
        let piece = ready!(bytes.as_mut().poll_next(cx));
        state.taken = Instant::now();
        Poll::Ready(piece)
    }
}
