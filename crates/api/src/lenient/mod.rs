//! A connection that takes targets of requests as clients send them: see [`heads`].

mod heads;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use self::heads::Heads;

/// A stream whose request lines hold nothing that the parser refuses.
#[derive(Debug)]
pub(crate) struct Lenient<S> {
    stream: S,
    heads: Arc<Heads>,
    /// What was read and is longer than the buffer that it was read into: at most
    /// twice as long.
    held: Bytes,
}

impl<S> Lenient<S> {
    /// `stream`, whose `heads` are told of each request by who serves them.
    pub(crate) fn new(stream: S, heads: Arc<Heads>) -> Self {
        Self {
            stream,
            heads,
            held: Bytes::new(),
        }
    }

    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let fitting = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held.split_to(fitting));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
            let Some(encoded) = this.heads.pass(&buffer.filled()[before..]) else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(before);
            this.held = encoded.into();
        }
        this.hand_on(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
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

/// A request's body, which tells its end where nothing else does.
#[derive(Debug)]
pub(crate) struct Noted<B> {
    body: B,
    heads: Option<Arc<Heads>>,
}

impl<B: Body> Noted<B> {
    /// `body`, of a request whose head was just read.
    pub(crate) fn new(body: B, heads: &Arc<Heads>) -> Self {
        let length = body.size_hint().exact();
        heads.told(length);
        Self {
            body,
            heads: length.is_none().then(|| Arc::clone(heads)),
        }
    }
}

impl<B: Body + Unpin> Body for Noted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if frame.is_none()
            && let Some(heads) = this.heads.take()
        {
            heads.ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
