//! Where heads of requests are among the bytes of a connection of HTTP/1.1, and
//! their targets as the parser takes them.
//!
//! The contract's own filter is `created_at>2026-04-01`, and Go, Python and curl
//! send what they are given: `>` as it is. `http::Uri` refuses that and a few more
//! bytes (RFC 3986 has them encoded), and hyper then answers with an empty 400
//! before any of our code is asked. So such bytes are percent-encoded on their way
//! in, in the target of a request line alone.
//!
//! A body may hold a text that looks like a request line, so nothing is guessed:
//! hyper says how long each body is, once it has read the head ([`Heads::told`]),
//! and how much came after a head is counted here. Bytes that were read before it
//! was known what they are (requests that do not wait for answers) cannot be
//! followed; from there on the connection's bytes are `At::Lost`, which means left
//! as they are. Chunks are not parsed a second time: that a body of them ended is
//! told by its reader, and that nothing was read beyond it shows in the last bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What ends a body that comes in chunks, when no trailers do.
const LAST_CHUNK: [u8; 5] = *b"0\r\n\r\n";

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The heads of one connection.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<At>);

/// The last bytes after a head, the newest at the end.
type Tail = [u8; LAST_CHUNK.len()];

/// What the next byte is part of.
#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    /// A head that did not begin; there may be empty lines before it.
    #[default]
    Start,
    Method,
    Target,
    /// What follows the target. `is_bare`: the line has nothing yet.
    Fields {
        is_bare: bool,
    },
    /// What follows a head, when nobody has said yet what that is.
    Unknown {
        passed: u64,
        tail: Tail,
    },
    /// A body with this many bytes to come.
    Body {
        left: u64,
    },
    /// A body in chunks.
    Chunks {
        tail: Tail,
    },
    /// Nobody knows; nothing is touched.
    Lost,
}

impl Heads {
    /// Those of a connection that was just opened.
    pub(crate) fn begin() -> Arc<Self> {
        Arc::default()
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A head was read, and this is the length of its body; `None` when it comes
    /// in chunks, whose end is to be told.
    pub(crate) fn told(&self, length: Option<u64>) {
        let mut at = self.at();
        *at = match (&*at, length) {
            (At::Unknown { passed, .. }, Some(length)) if *passed == length => At::Start,
            (At::Unknown { passed, .. }, Some(length)) if *passed < length => At::Body {
                left: length - passed,
            },
            (At::Unknown { tail, .. }, None) => At::Chunks { tail: *tail },
            // Some of the next request passed, or this one began somewhere else.
            _ => At::Lost,
        };
    }

    /// The body in chunks has ended.
    pub(crate) fn ended(&self) {
        let mut at = self.at();
        if let At::Chunks { tail } = &*at {
            // What came behind it would have another end, or be the whole of a next
            // head, which is told of before more is read.
            *at = if *tail == LAST_CHUNK {
                At::Start
            } else {
                At::Lost
            };
        }
    }

    /// Nothing is to be touched any more: the connection speaks another protocol.
    pub(crate) fn lose(&self) {
        *self.at() = At::Lost;
    }

    /// The bytes that are to be handed on in the place of `bytes`, which came from
    /// the client; `None` when these are as they should be.
    pub(crate) fn pass(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut at = self.at();
        let mut encoded = Encoded::default();
        let mut done = 0;
        while done < bytes.len() && *at != At::Lost {
            let rest = &bytes[done..];
            let (read, next) = match &mut *at {
                At::Start => start(rest),
                At::Method => method(rest),
                At::Target => {
                    let end = rest
                        .iter()
                        .position(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
                    encoded.target(bytes, done..done + end.unwrap_or(rest.len()));
                    after_target(rest, end)
                }
                At::Fields { is_bare } => fields(rest, *is_bare),
                At::Unknown { passed, tail } => {
                    *passed += rest.len() as u64;
                    keep_last(tail, rest);
                    break;
                }
                At::Body { left } => {
                    let read =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= read as u64;
                    (read, (*left == 0).then_some(At::Start))
                }
                At::Chunks { tail } => {
                    keep_last(tail, rest);
                    break;
                }
                At::Lost => break,
            };
            done += read;
            if let Some(next) = next {
                *at = next;
            }
        }
        encoded.finish(bytes)
    }
}

/// How many bytes were read, and what follows them when it is something else.
type Step = (usize, Option<At>);

fn start(rest: &[u8]) -> Step {
    match rest.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
        Some(begin) => (begin, Some(At::Method)),
        None => (rest.len(), None),
    }
}

fn method(rest: &[u8]) -> Step {
    match rest.iter().position(|byte| !byte.is_ascii_graphic()) {
        Some(end) if rest[end] == b' ' => (end + 1, Some(At::Target)),
        // No request line; it is refused.
        Some(_) => (rest.len(), Some(At::Lost)),
        None => (rest.len(), None),
    }
}

fn after_target(rest: &[u8], end: Option<usize>) -> Step {
    match end {
        Some(end) if rest[end] == b' ' => (end + 1, Some(At::Fields { is_bare: false })),
        Some(_) => (rest.len(), Some(At::Lost)),
        None => (rest.len(), None),
    }
}

/// One line of a head, or what there is of it. An empty one ends the head.
fn fields(rest: &[u8], is_bare: bool) -> Step {
    let end = memchr::memchr(b'\n', rest);
    let line = &rest[..end.unwrap_or(rest.len())];
    let is_bare = is_bare && line.iter().all(|byte| *byte == b'\r');
    let next = match end {
        None => At::Fields { is_bare },
        Some(_) if !is_bare => At::Fields { is_bare: true },
        Some(_) => At::Unknown {
            passed: 0,
            tail: Tail::default(),
        },
    };
    (end.map_or(rest.len(), |end| end + 1), Some(next))
}

fn keep_last(tail: &mut Tail, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(tail.len())..];
    tail.rotate_left(bytes.len());
    let old = tail.len() - bytes.len();
    tail[old..].copy_from_slice(bytes);
}

/// What `http::Uri` refuses in a path or in a query, but for control bytes, which
/// no client sends by mistake. Bytes beyond ASCII are taken when they are UTF-8;
/// encoded, those that are not reach a route, which says so.
const fn is_refused(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0x80..)
}

/// The bytes so far, from the first on that had to be encoded.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    /// How many of the original's are in there; none when nothing had to be.
    taken: usize,
}

impl Encoded {
    /// Takes a target, which lies at `range` of `all`.
    fn target(&mut self, all: &[u8], range: std::ops::Range<usize>) {
        for place in range {
            let byte = all[place];
            if is_refused(byte) {
                self.bytes.extend_from_slice(&all[self.taken..place]);
                let digits = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
                self.bytes.extend_from_slice(&[b'%', digits[0], digits[1]]);
                self.taken = place + 1;
            }
        }
    }

    fn finish(mut self, all: &[u8]) -> Option<Vec<u8>> {
        if self.taken == 0 {
            return None;
        }
        self.bytes.extend_from_slice(&all[self.taken..]);
        Some(self.bytes)
    }
}
