//! The reading side of a WebSocket to a named server (RFC 6455).
//!
//! Servers push news through it; all that is sent are the answers that the
//! protocol asks for. Messages have a limit; binary ones are skipped as they come.

use bytes::{Buf, BytesMut};
use http::{Method, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::{Ask, Origin};
use crate::client::Body;
use crate::error::EgressError;

/// The longest text message that is read.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// A key of the handshake. What it guards against, an answer from a cache to a
/// request of a script in a page, does not come up here.
const KEY: &str = "cnVubmVsIHJlYWRzIGl0IQ==";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: reqwest::Upgraded,
    host: String,
    buffer: BytesMut,
    /// The text that came in pieces so far.
    text: Option<Vec<u8>>,
}

/// The beginning of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    is_last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
}

impl Origin {
    /// Opens a WebSocket at a URL of this server.
    ///
    /// # Errors
    /// [`EgressError::Protocol`] when the server does not switch to it, and what a
    /// request may end with.
    pub async fn websocket(
        &self,
        url: Url,
        secrets: Vec<(String, String)>,
    ) -> Result<WebSocket, EgressError> {
        let headers = [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, KEY),
        ];
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.to_owned()));
        let ask = Ask {
            method: Method::GET,
            url,
            secrets,
            headers: headers.into(),
            body: Body::Empty,
            within: Some(self.patience.answer),
        };
        let reply = self.send(ask).await?;
        let host = reply.host().to_owned();
        let refused = |reason: String| EgressError::Protocol {
            host: host.clone(),
            reason,
        };
        if reply.status() != 101 {
            let status = reply.status();
            return Err(refused(format!(
                "it opens no WebSocket and answers {status}"
            )));
        }
        let upgraded = reply.into_inner().upgrade().await;
        Ok(WebSocket {
            stream: upgraded.map_err(|error| refused(error.to_string()))?,
            host,
            buffer: BytesMut::new(),
            text: None,
        })
    }
}

impl WebSocket {
    /// The next text message; `None` when the server closes.
    ///
    /// # Errors
    /// [`EgressError::Protocol`] when the connection breaks or a message is too long.
    ///
    /// # Cancel safety
    /// Nothing that came is lost, except for the rest of a binary message.
    pub async fn next_text(&mut self) -> Result<Option<String>, EgressError> {
        loop {
            let Some((frame, size)) = self.frame().await? else {
                return Ok(None);
            };
            if frame.opcode > CONTINUATION && frame.opcode < CLOSE && frame.opcode != TEXT {
                self.buffer.advance(size);
                self.skip(frame.length).await?;
                self.text = None;
                continue;
            }
            let so_far = self.text.as_ref().map_or(0, Vec::len);
            if frame.length > (MAX_MESSAGE - so_far.min(MAX_MESSAGE)) as u64 {
                return Err(self.broken(format!("a message has more than {MAX_MESSAGE} bytes")));
            }
            if !self.fill(size + frame.length as usize).await? {
                return Ok(None);
            }
            self.buffer.advance(size);
            let payload = unmasked(frame, &self.buffer.split_to(frame.length as usize));
            match frame.opcode {
                CLOSE => return Ok(None),
                PING => self.pong(&payload).await?,
                TEXT => self.text = Some(payload),
                CONTINUATION => {
                    if let Some(text) = &mut self.text {
                        text.extend(payload);
                    }
                }
                _ => {}
            }
            let is_text = matches!(frame.opcode, TEXT | CONTINUATION);
            if is_text
                && frame.is_last
                && let Some(text) = self.text.take()
            {
                return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
            }
        }
    }

    /// The beginning of the next frame and its size; nothing is taken yet.
    async fn frame(&mut self) -> Result<Option<(Frame, usize)>, EgressError> {
        loop {
            if let Some(found) = head(&self.buffer) {
                return Ok(Some(found));
            }
            if !self.fill(self.buffer.len() + 1).await? {
                return Ok(None);
            }
        }
    }

    /// Reads until the buffer has that many bytes; `false` at the end.
    async fn fill(&mut self, size: usize) -> Result<bool, EgressError> {
        while self.buffer.len() < size {
            let read = self.stream.read_buf(&mut self.buffer).await;
            match read.map_err(|error| self.broken(error.to_string()))? {
                0 => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }

    async fn skip(&mut self, length: u64) -> Result<(), EgressError> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() && !self.fill(1).await? {
                return Ok(());
            }
            let step = left.min(self.buffer.len() as u64);
            self.buffer.advance(step as usize);
            left -= step;
        }
        Ok(())
    }

    async fn pong(&mut self, payload: &[u8]) -> Result<(), EgressError> {
        // A client masks; with zeros the payload stays as it is. Control frames
        // have at most 125 bytes.
        let payload = &payload[..payload.len().min(125)];
        let mut frame = vec![0x80 | PONG, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        let sent = self.stream.write_all(&frame).await;
        sent.map_err(|error| self.broken(error.to_string()))
    }

    fn broken(&self, reason: String) -> EgressError {
        EgressError::Protocol {
            host: self.host.clone(),
            reason,
        }
    }
}

/// Reads the beginning of a frame, when all of it is there.
fn head(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut size) = match second & 0x7F {
        126 => (
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        size += 4;
        Some(bytes.get(size - 4..size)?.try_into().ok()?)
    };
    let frame = Frame {
        is_last: first & 0x80 != 0,
        opcode: first & 0x0F,
        mask,
        length,
    };
    Some((frame, size))
}

fn unmasked(frame: Frame, payload: &[u8]) -> Vec<u8> {
    match frame.mask {
        None => payload.to_vec(),
        Some(mask) => {
            let bytes = payload.iter().zip(mask.iter().cycle());
            bytes.map(|(byte, mask)| byte ^ mask).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{Egress, EgressConfig, Policy};

    /// What a client reads of these frames, until the server closes.
    async fn read(frames: &'static [&'static [u8]]) -> Vec<Result<Option<String>, EgressError>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ws", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let size = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..size]).to_lowercase();
            assert!(request.contains("upgrade: websocket") && request.contains("x-key: 1"));
            let head = b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            stream.write_all(head).await.unwrap();
            for frame in frames {
                // Byte by byte, so that every place is once the end of a read.
                for byte in *frame {
                    stream.write_all(&[*byte]).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
            let mut answered = vec![0; 64];
            let size = tokio::time::timeout(
                std::time::Duration::from_secs(5),
                stream.read(&mut answered),
            );
            let size = size.await.unwrap().unwrap_or(0);
            answered.truncate(size);
            answered
        });
        let door = Egress::new(EgressConfig::new(Policy::default())).unwrap();
        let origin = door.to_origin(&url, None).unwrap();
        let secrets = vec![("x-key".to_owned(), "1".to_owned())];
        let mut socket = origin
            .websocket(origin.base().clone(), secrets)
            .await
            .unwrap();
        let mut found = Vec::new();
        loop {
            let message = socket.next_text().await;
            let is_end = !matches!(message, Ok(Some(_)));
            found.push(message);
            if is_end {
                break;
            }
        }
        drop(socket);
        let answered = serving.await.unwrap();
        if frames.contains(&&b"\x89\x01p"[..]) {
            assert_eq!(answered, [0x8A, 0x81, 0, 0, 0, 0, b'p']);
        }
        found
    }

    #[tokio::test]
    async fn texts_are_read_whole_and_the_rest_is_passed_over() {
        let found = read(&[
            b"\x81\x02hi",
            b"\x82\x03\x00\x01\x02",
            b"\x01\x01a",
            b"\x89\x01p",
            b"\x80\x01b",
            b"\x81\x7e\x00\x03abc",
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01x",
            b"\x81\x81\x01\x02\x03\x04\x60",
            b"\x88\x00",
        ])
        .await;
        let texts: Vec<Option<String>> = found.into_iter().map(Result::unwrap).collect();
        let expected = ["hi", "ab", "abc", "x", "a"].map(|text| Some(text.to_owned()));
        assert_eq!(texts[..5], expected);
        assert_eq!(texts[5], None);
    }

    #[tokio::test]
    async fn a_message_that_announces_too_much_ends_it() {
        let found = read(&[b"\x81\x7f\x00\x00\x00\x02\x00\x00\x00\x00"]).await;
        let error = found[0].as_ref().unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
    }
}
