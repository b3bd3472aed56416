//! Signs of life of a connection: requests at work, and answers that move.
//!
//! What the client sends is none of them. Whoever only answers pings, or takes
//! no byte of what it asked for, could otherwise stay for ever.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// The life of one connection.
#[derive(Debug)]
pub(crate) struct Life(Mutex<Signs>);

#[derive(Debug)]
struct Signs {
    at_work: usize,
    last: Instant,
}

impl Life {
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Signs {
            at_work: 0,
            last: Instant::now(),
        })))
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sign of life.
    pub(crate) fn sign(&self) {
        self.signs().last = Instant::now();
    }

    /// A request that is at work until this is dropped.
    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.signs().at_work += 1;
        AtWork(Arc::clone(self))
    }

    /// Returns when there has been no sign of life for `time`.
    pub(crate) async fn end(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let over = {
                let signs = self.signs();
                let last = if signs.at_work > 0 { now } else { signs.last };
                last + time
            };
            if over <= now {
                return;
            }
            sleep_until(over).await;
        }
    }
}

/// A request at work.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Life>);

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut signs = self.0.signs();
        signs.at_work -= 1;
        signs.last = Instant::now();
    }
}

/// The body of an answer, each piece of which is a sign of life when it is taken.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(crate) body: Body,
    pub(crate) life: Arc<Life>,
}

impl http_body::Body for Moving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        this.life.sign();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
