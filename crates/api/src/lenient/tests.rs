//! The reader that encodes targets of requests, on streams that arrive in every
//! way: what a request line says comes out readable, and nothing else changes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::Lenient;
use super::heads::Heads;

/// A stream of which each read gets one piece, or as much of it as there is room for.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pieces = &mut self.get_mut().0;
        if let Some(mut piece) = pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A request: its head, how it is to come out, and the bytes that follow it.
struct Sent {
    head: &'static str,
    readable: &'static str,
    body: &'static str,
    is_chunked: bool,
}

const fn sent(head: &'static str, readable: &'static str, body: &'static str) -> Sent {
    Sent {
        head,
        readable,
        body,
        is_chunked: false,
    }
}

const fn in_chunks(head: &'static str, readable: &'static str, body: &'static str) -> Sent {
    Sent {
        head,
        readable,
        body,
        is_chunked: true,
    }
}

/// What a client sends that waits for each answer.
const REQUESTS: &[Sent] = &[
    sent(
        "GET /a?q=b>c HTTP/1.1\r\nx: <>\"`\r\n\r\n",
        "GET /a?q=b%3Ec HTTP/1.1\r\nx: <>\"`\r\n\r\n",
        "",
    ),
    sent(
        "\r\n\nPOST /`?<\"> HTTP/1.1\r\n\r\n",
        "\r\n\nPOST /%60?%3C%22%3E HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET /x?q=a>b HTTP/1.1\r\n\r\nGET /x?q=a>b HTTP/1.1\r\n\r\n",
    ),
    in_chunks(
        "PUT /é HTTP/1.1\nx: 1\n\n",
        "PUT /%C3%A9 HTTP/1.1\nx: 1\n\n",
        "17\r\n\r\n\r\nGET /x?q=a>b HTTP/1.1\r\n\r\n0\r\n\r\n",
    ),
    sent(
        "GET /plain?x=%3E HTTP/1.1\r\n\r\n",
        "GET /plain?x=%3E HTTP/1.1\r\n\r\n",
        "",
    ),
    in_chunks(
        "POST /> HTTP/1.1\r\n\r\n",
        "POST /%3E HTTP/1.1\r\n\r\n",
        "0\r\n\r\n",
    ),
    sent(
        "DELETE />>>>>>>>>>>>>>>> HTTP/1.1\r\n\r\n",
        "DELETE /%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E%3E HTTP/1.1\r\n\r\n",
        "> > >",
    ),
];

/// The server's side of a connection, which reads as hyper does: the head, then
/// as much as the body has, and more only when it needs more.
struct Server {
    stream: Lenient<Pieces>,
    heads: Arc<Heads>,
    buffer: usize,
    have: Vec<u8>,
}

impl Server {
    fn of(pieces: impl IntoIterator<Item = Vec<u8>>, buffer: usize) -> Self {
        let heads = Heads::begin();
        Self {
            stream: Lenient::new(Pieces(pieces.into_iter().collect()), Arc::clone(&heads)),
            heads,
            buffer,
            have: Vec::new(),
        }
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; self.buffer];
        let count = self.stream.read(&mut buffer).await.unwrap();
        self.have.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// The next head.
    async fn head(&mut self) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.have);
            let begin = text.len() - text.trim_start().len();
            let end = ["\r\n\r\n", "\n\n"].iter().filter_map(|end| {
                let place = text[begin..].find(end)?;
                Some(begin + place + end.len())
            });
            if let Some(end) = end.min() {
                let rest = self.have.split_off(end);
                return String::from_utf8(std::mem::replace(&mut self.have, rest)).unwrap();
            }
            assert!(self.more().await, "a whole head");
        }
    }

    async fn body(&mut self, request: &Sent) -> String {
        let length = request.body.len();
        self.heads
            .told((!request.is_chunked).then_some(length as u64));
        while self.have.len() < length {
            assert!(self.more().await, "a whole body");
        }
        if request.is_chunked {
            self.heads.ended();
        }
        let rest = self.have.split_off(length);
        String::from_utf8(std::mem::replace(&mut self.have, rest)).unwrap()
    }
}

/// A number below `end`, another one each time, the same in every run of the tests.
fn chance(seed: &mut u64, end: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*seed >> 33) as usize % end
}

/// `bytes` in pieces of up to `longest` bytes.
fn cut(bytes: &[u8], longest: usize, seed: &mut u64) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = (1 + chance(seed, longest)).min(rest.len());
        pieces.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    pieces
}

/// How often a test asks.
const ROUNDS: usize = 3000;

/// What is sent, and how it comes.
struct Case {
    /// The longest piece that arrives at once, in bytes.
    longest: usize,
    /// The room of whoever reads, in bytes.
    buffer: usize,
    /// In another order each time, and each several times on a connection.
    order: Vec<&'static Sent>,
}

impl Case {
    fn of(round: usize, seed: &mut u64) -> Self {
        Self {
            longest: [1, 2, 5, 30, 500][round % 5],
            buffer: [1, 3, 24, 64, 8192][round / 5 % 5],
            order: (0..10)
                .map(|_| &REQUESTS[chance(seed, REQUESTS.len())])
                .collect(),
        }
    }
}

fn whole(request: &Sent) -> Vec<u8> {
    [request.head, request.body].concat().into_bytes()
}

#[tokio::test]
async fn heads_come_out_readable_and_bodies_as_they_are_however_they_arrive() {
    let mut seed = 1;
    for round in 0..ROUNDS {
        let case = Case::of(round, &mut seed);
        // A client that waits: no piece holds bytes of two requests.
        let requests = case.order.iter();
        let pieces = requests.flat_map(|request| cut(&whole(request), case.longest, &mut seed));
        let mut server = Server::of(pieces, case.buffer);
        for request in case.order {
            assert_eq!(server.head().await, request.readable, "round {round}");
            assert_eq!(server.body(request).await, request.body, "round {round}");
        }
        assert!(!server.more().await, "nothing is left");
    }
}

#[tokio::test]
async fn requests_that_do_not_wait_are_left_alone_where_nobody_knows_what_they_are() {
    let mut seed = 2;
    for round in 0..ROUNDS {
        let case = Case::of(round, &mut seed);
        let requests = case.order.iter();
        let stream: Vec<u8> = requests.flat_map(|request| whole(request)).collect();
        let mut server = Server::of(cut(&stream, case.longest, &mut seed), case.buffer);
        for (place, request) in case.order.into_iter().enumerate() {
            let head = server.head().await;
            let is_first = place == 0;
            assert!(
                head == request.readable || (!is_first && head == request.head),
                "round {round}: {head}"
            );
            assert_eq!(server.body(request).await, request.body, "round {round}");
        }
        assert!(!server.more().await, "nothing is left");
    }
}

#[tokio::test]
async fn what_is_no_request_is_left_alone() {
    for text in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0<>\"",
        "\u{16}\u{3}\u{1}<\">",
        "GET\r\n/> <\r\n",
        "GET /\r\nx />< y\r\n\r\n",
        "GET /\0\t\u{7f} HTTP/1.1\r\n\r\n",
    ] {
        let mut server = Server::of([text.as_bytes().to_vec()], 7);
        while server.more().await {}
        assert_eq!(String::from_utf8_lossy(&server.have), text);
    }
}
