//! Forms as they come in, part by part, and no more of them than is asked for.
//!
//! The parser, multer, keeps what it cannot hand on yet and looks through all of
//! it again whenever something arrives: forty megabytes of a part's headers that
//! never end, sent byte by byte at the end, would take its time for ever. So it
//! is fed one piece at a time, as long as something comes of the pieces.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use bytes::Bytes;
use http_body::Frame;
use runnel_domain::Services;
use runnel_types::Fault;

use crate::body_limit;

/// How much of a form may arrive without a part or a piece of one coming of it:
/// what stands before the first part, and the headers of each.
const ROOM: usize = 16 * 1024;

/// The most parts of a form; each is work, however short it is.
const MAX_PARTS: usize = 100;

/// The longest `Content-Type`: a boundary has at most 70 characters (RFC 2046,
/// 5.1.1), and is looked for in every piece.
const MAX_CONTENT_TYPE: usize = 256;

/// A form that is being read.
#[derive(Debug)]
pub(crate) struct Form {
    parts: Multipart,
    feed: Arc<Feed>,
    begun: usize,
}

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    field: Field<'a>,
    feed: Arc<Feed>,
}

impl Form {
    /// Begins to read a form.
    pub(crate) async fn open(services: &Arc<Services>, request: Request) -> Result<Self, Fault> {
        let content_type = request.headers().get(CONTENT_TYPE);
        if content_type.is_some_and(|value| value.len() > MAX_CONTENT_TYPE) {
            return Err(no_form());
        }
        let (parts, body) = request.into_parts();
        let feed = Feed::of(body_limit::unless_idle(body));
        let request = Request::from_parts(parts, Body::new(Fed(Arc::clone(&feed))));
        let parts = Multipart::from_request(request, services)
            .await
            .map_err(|_| no_form())?;
        Ok(Self {
            parts,
            feed,
            begun: 0,
        })
    }

    /// The next part, once the one before was read to its end: what is skipped of
    /// it counts as nothing coming of the form, which is refused after 16 KiB.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'_>>, Fault> {
        let field = self.parts.next_field().await;
        let field = field.map_err(|error| broken(&error))?;
        self.feed.yielded();
        if field.is_some() && self.begun == MAX_PARTS {
            return Err(Fault::bad_request(format!(
                "the form has more than {MAX_PARTS} parts; a file and its folder_id are two"
            )));
        }
        self.begun += 1;
        Ok(field.map(|field| Part {
            field,
            feed: Arc::clone(&self.feed),
        }))
    }

    /// Reads what is left of a form that is refused, within bounds, so that its
    /// client gets to read why.
    pub(crate) async fn drain(self) {
        let body = std::mem::take(&mut self.feed.state().body);
        body_limit::drain(body).await;
    }
}

impl Part<'_> {
    pub(crate) fn name(&self) -> Option<&str> {
        self.field.name()
    }

    pub(crate) fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// Whether the part has a name that nobody can read: older programs write names
    /// in Latin-1 (RFC 7578, 5.1, wants UTF-8).
    pub(crate) fn has_broken_names(&self) -> bool {
        let told = self.field.headers().get(CONTENT_DISPOSITION);
        told.is_some_and(|told| std::str::from_utf8(told.as_bytes()).is_err())
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        self.field.content_type()
    }

    /// The next piece of the part.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let piece = self.field.chunk().await;
        let piece = piece.map_err(|error| broken(&error))?;
        self.feed.yielded();
        Ok(piece)
    }
}

/// What the parser is fed from.
#[derive(Debug)]
struct Feed(Mutex<State>);

#[derive(Debug)]
struct State {
    body: Body,
    /// How many bytes the parser took since something came of them.
    kept: usize,
    /// Whether it is to look at what it has before it is given more.
    is_resting: bool,
}

impl Feed {
    fn of(body: Body) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            body,
            kept: 0,
            is_resting: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came of what was given. There may be more in it: many parts fit
    /// into one piece.
    fn yielded(&self) {
        let mut state = self.state();
        state.kept = 0;
        state.is_resting = true;
    }
}

/// The body that the parser sees.
struct Fed(Arc<Feed>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.0.state();
        if std::mem::take(&mut state.is_resting) {
            // The parser takes all it can get before it looks at any of it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if state.kept > ROOM {
            let told = format!(
                "nothing came of {} KiB, the most that may stand before a part or in its headers",
                ROOM / 1024
            );
            return Poll::Ready(Some(Err(axum::Error::new(told))));
        }
        let frame = ready!(Pin::new(&mut state.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            state.kept += frame.data_ref().map_or(0, Bytes::len);
            state.is_resting = true;
        } else {
            // It has ended, and is not asked again.
            state.body = Body::empty();
        }
        Poll::Ready(frame)
    }
}

/// The fault of a body that is no form.
fn no_form() -> Fault {
    Fault::unsupported_media_type(
        "send the file as multipart/form-data with a part called file; curl does it with -F file=@photo.jpg",
    )
}

/// The fault of a form that breaks off or makes no sense.
fn broken(error: &MultipartError) -> Fault {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::too_large(
            "the request is larger than an upload may be; send large files in the three steps of an upload",
        );
    }
    // The last of the chain knows what happened, the others only where.
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Fault::bad_request(format!(
        "the form cannot be read: {cause}; nothing was kept"
    ))
}
