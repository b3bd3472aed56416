//! The stream of a connection: its first bytes have to come in time, and what is
//! sent of answers shows that it lives.
//!
//! Whether a client speaks HTTP/1.1 or HTTP/2 is told by its first 24 bytes, and
//! whoever waits for them, hyper-util, waits for ever: a client that sends
//! nothing, or only the first letter, would hold its place until it leaves. The
//! deadlines of the protocols themselves begin when one of them is known.
//!
//! What was written lies in the kernel's buffer, or in that of TLS before it, and
//! there is room for more of it only as the client takes what is there.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::frames::Frames;
use crate::life::Life;

/// What a client of HTTP/2 sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail when it is not known in time which protocol its
/// client speaks, and whose writes are signs of life.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    /// `None` when it is known.
    awaited: Option<Awaited>,
    /// What is being sent, over HTTP/2.
    frames: Option<Frames>,
    life: Arc<Life>,
}

#[derive(Debug)]
struct Awaited {
    /// How many bytes came; each is that of the preface.
    seen: usize,
    deadline: Pin<Box<Sleep>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Awaited {
    /// The protocol, when it is known with these bytes: they end the preface, or
    /// are none of it, or the client says no more.
    fn told_by(&mut self, bytes: &[u8]) -> Option<Protocol> {
        let left = &PREFACE[self.seen..];
        self.seen += bytes.len();
        if bytes.starts_with(left) {
            Some(Protocol::Http2)
        } else if bytes.is_empty() || !left.starts_with(bytes) {
            Some(Protocol::Http1)
        } else {
            None
        }
    }
}

impl<S> Watched<S> {
    /// The protocol is to be known within `time`.
    pub(crate) fn new(stream: S, time: Duration, life: Arc<Life>) -> Self {
        let awaited = Some(Awaited {
            seen: 0,
            deadline: Box::pin(tokio::time::sleep(time)),
        });
        Self {
            stream,
            awaited,
            frames: None,
            life,
        }
    }

    /// The first `count` bytes of `slices` were written.
    fn wrote<'a>(&mut self, mut count: usize, slices: impl IntoIterator<Item = &'a [u8]>) {
        let mut is_answer = false;
        for slice in slices {
            let written = &slice[..slice.len().min(count)];
            count -= written.len();
            is_answer |= match &mut self.frames {
                Some(frames) => frames.carry_answer(written),
                // HTTP/1.1 has nothing else to send.
                None => !written.is_empty(),
            };
        }
        if is_answer {
            self.life.sign();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
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
                if let Some(protocol) = awaited.told_by(&buffer.filled()[before..]) {
                    this.awaited = None;
                    this.frames = (protocol == Protocol::Http2).then(Frames::default);
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.wrote(written, [bytes]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, slices))?;
        this.wrote(written, slices.iter().map(|slice| &**slice));
        Poll::Ready(Ok(written))
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
