//! The first bytes of a connection, which have to come in time.
//!
//! Whether a client speaks HTTP/1.1 or HTTP/2 is told by its first 24 bytes, and
//! whoever waits for them, hyper-util, waits for ever: a client that sends
//! nothing, or only the first letter, would hold its place until it leaves. The
//! deadlines of the protocols themselves begin when one of them is known.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a client of HTTP/2 sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail when it is not known in time which protocol its
/// client speaks.
#[derive(Debug)]
pub(crate) struct Greeting<S> {
    stream: S,
    /// `None` when it is known.
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    /// How many bytes came; each is that of the preface.
    seen: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Awaited {
    /// Whether the protocol is known with these bytes: they are the last of the
    /// preface, or none of it, or the client says no more.
    fn ends_with(&mut self, bytes: &[u8]) -> bool {
        let left = &PREFACE[self.seen..];
        self.seen += bytes.len();
        bytes.is_empty() || bytes.len() >= left.len() || !left.starts_with(bytes)
    }
}

impl<S> Greeting<S> {
    pub(crate) fn new(stream: S, time: Duration) -> Self {
        let awaited = Some(Awaited {
            seen: 0,
            deadline: Box::pin(tokio::time::sleep(time)),
        });
        Self { stream, awaited }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeting<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let Some(awaited) = &mut this.awaited else {
            return read;
        };
        match read {
            Poll::Ready(Ok(())) => {
                if awaited.ends_with(&buffer.filled()[before..]) {
                    this.awaited = None;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(awaited.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the first bytes of a request did not come in time",
                )))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeting<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
