//! A client of HTTP/2 made by hand, so that it can be as rude as it likes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;

/// What the server sent.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
    pub(super) is_last: bool,
}

/// A connection that takes no byte of any answer's body but those it asks for, and is
/// lively otherwise.
pub(super) struct Client {
    stream: TcpStream,
    host: String,
    streams: u32,
}

impl Client {
    pub(super) async fn connect(host: &str) -> Self {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        // SETTINGS_INITIAL_WINDOW_SIZE: nothing.
        let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        stream.write_all(&settings).await.unwrap();
        Self {
            stream,
            host: host.to_owned(),
            streams: 0,
        }
    }

    /// Asks for a path, and does not wait for the answer.
    pub(super) async fn get(&mut self, path: &str) {
        // RFC 7541: GET and http by their numbers, two values as they are.
        let mut fields = vec![0x82, 0x86];
        for (name, value) in [(1, self.host.as_str()), (4, path)] {
            fields.push(name);
            fields.extend(length(value.len()));
            fields.extend(value.as_bytes());
        }
        let id = 2 * self.streams + 1;
        self.streams += 1;
        // END_STREAM and END_HEADERS.
        let headers = frame(HEADERS, 5, id, &fields);
        self.stream.write_all(&headers).await.unwrap();
    }

    /// Asks for so many more bytes of the only answer.
    pub(super) async fn take(&mut self, bytes: u32) {
        for stream in [0, 1] {
            let update = frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
            self.stream.write_all(&update).await.unwrap();
        }
    }

    /// Asks for a sign of life; says whether the server could be asked.
    pub(super) async fn ping(&mut self) -> bool {
        let ping = frame(PING, 0, 0, b"are you?");
        self.stream.write_all(&ping).await.is_ok()
    }

    /// The next frame, `None` when the server has hung up. What asks for an answer
    /// gets one.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        if matches!(kind, SETTINGS | PING) && flags & ACK == 0 {
            let told = if kind == PING { &payload[..] } else { &[] };
            let _ = self.stream.write_all(&frame(kind, ACK, 0, told)).await;
        }
        let is_last = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        Some(Frame {
            kind,
            payload,
            is_last,
        })
    }
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    frame
}

/// RFC 7541, 5.1, with seven bits in the first byte.
fn length(length: usize) -> Vec<u8> {
    if length < 127 {
        return vec![length as u8];
    }
    let mut rest = length - 127;
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}
