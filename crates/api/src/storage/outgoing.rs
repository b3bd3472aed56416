//! The bytes of an object on their way out; it is open only while they are taken.
//!
//! Nobody asks for the next bytes when a client takes none: the connection's
//! buffers are full, or an HTTP/2 stream has no window. A stream that is not
//! asked cannot act by itself, so a task beside it lets the open object go. The
//! client need not hear of that, and may be slow rather than gone: an object never
//! changes, so it is opened again where it was left when its next bytes are asked
//! for. Who is gone is told by the connection, see [`Life`](crate::life::Life).

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use runnel_domain::Services;
use runnel_domain::assets::{Key, Object};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// A range of an object's bytes.
#[derive(Debug)]
pub(super) struct Outgoing {
    services: Arc<Services>,
    key: Key,
    size_bytes: u64,
    /// What was not handed out yet.
    left: Range<u64>,
    source: Arc<Source>,
    _watch: AbortOnDropHandle<()>,
}

/// Where the bytes come from, as long as somebody takes them.
struct Source(Mutex<State>);

struct State {
    /// `None` once it was let go.
    pieces: Option<Pieces>,
    /// Whether somebody waits for the next piece. It is not let go then: how to
    /// wake them is known to it alone, and it is the storage that is slow.
    is_asked: bool,
    /// When a piece was taken last.
    taken: Instant,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Outgoing {
    /// `range` of `object`, which lies under `key`.
    pub(super) fn new(
        services: Arc<Services>,
        key: Key,
        object: Object,
        range: Range<u64>,
    ) -> Self {
        let size_bytes = object.size_bytes();
        let source = Arc::new(Source(Mutex::new(State {
            pieces: Some(object.into_stream(range.clone())),
            is_asked: false,
            taken: Instant::now(),
        })));
        let patience = services.limits.open_file_idle;
        let watched = Arc::clone(&source);
        let watch = tokio::spawn(async move { watched.watch(patience).await });
        Self {
            services,
            key,
            size_bytes,
            left: range,
            source,
            _watch: AbortOnDropHandle::new(watch),
        }
    }
}

/// The bytes of an object that is opened when they are asked for.
fn reopened(services: Arc<Services>, key: Key, size_bytes: u64, range: Range<u64>) -> Pieces {
    let opening = async move {
        let object = services.open_again(&key).await.map_err(io::Error::other)?;
        if object.size_bytes() != size_bytes {
            let told = format!("the object {key} has another size than when it was begun");
            return Err(io::Error::other(told));
        }
        Ok(object.into_stream(range))
    };
    stream::once(opening).try_flatten().boxed()
}

impl Source {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the object go whenever no piece of it was asked for within `patience`.
    async fn watch(&self, patience: Duration) {
        let mut look = Instant::now() + patience;
        loop {
            sleep_until(look).await;
            let now = Instant::now();
            let mut state = self.state();
            look = state.taken + patience;
            if look > now {
                continue;
            }
            // What is opened from now on is looked at in time.
            look = now + patience;
            if !state.is_asked && state.pieces.take().is_some() {
                tracing::debug!("a file was closed until its client takes more of it");
            }
        }
    }
}

impl Stream for Outgoing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if this.left.is_empty() {
            return Poll::Ready(None);
        }
        let mut state = this.source.state();
        let pieces = state.pieces.get_or_insert_with(|| {
            let (services, key) = (Arc::clone(&this.services), this.key.clone());
            reopened(services, key, this.size_bytes, this.left.clone())
        });
        let polled = pieces.as_mut().poll_next(cx);
        state.is_asked = polled.is_pending();
        let piece = ready!(polled);
        state.taken = Instant::now();
        if let Some(Ok(bytes)) = &piece {
            this.left.start += bytes.len() as u64;
        }
        if this.left.is_empty() {
            // The last bytes may lie in a buffer for long, and need no open file.
            state.pieces = None;
        }
        Poll::Ready(piece)
    }
}
