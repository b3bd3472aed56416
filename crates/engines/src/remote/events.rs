//! Reads `text/event-stream` answers, event by event.

use std::time::Duration;

use runnel_egress::Reply;

use super::{MAX_ANSWER, away};
use crate::engine::EngineError;

/// An event of a server.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its kind; `message` where the server says none.
    pub(crate) name: String,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// A stream of events.
#[derive(Debug)]
pub(crate) struct Events {
    reply: Reply,
    parser: Parser,
    silence: Duration,
}

impl Events {
    /// Reads `reply`, which may be silent for that long.
    pub(crate) fn new(reply: Reply, silence: Duration) -> Self {
        Self {
            reply,
            parser: Parser::default(),
            silence,
        }
    }

    /// The next event; `None` when the server ends the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, EngineError> {
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(Some(event));
            }
            if self.parser.pending() > MAX_ANSWER {
                return Err(super::too_large(self.reply.host()));
            }
            match self.reply.next_within(self.silence).await {
                Ok(Some(chunk)) => self.parser.push(&chunk),
                Ok(None) => return Ok(None),
                Err(error) => return Err(away(&error)),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
    /// How far the buffer was looked through for the end of a line.
    looked: usize,
    event: Event,
    has_data: bool,
}

impl Parser {
    fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    const fn pending(&self) -> usize {
        self.buffer.len() + self.event.data.len()
    }

    /// The next whole event of what was pushed.
    fn next(&mut self) -> Option<Event> {
        let mut begin = 0;
        let mut found = None;
        while found.is_none() {
            let from = self.looked.max(begin);
            let Some(end) = self.buffer[from..].iter().position(|byte| *byte == b'\n') else {
                self.looked = self.buffer.len();
                break;
            };
            let line = String::from_utf8_lossy(&self.buffer[begin..from + end]).into_owned();
            begin = from + end + 1;
            self.looked = begin;
            found = self.line(line.trim_end_matches('\r'));
        }
        self.buffer.drain(..begin);
        self.looked -= begin;
        found
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then(|| Event {
                name: if event.name.is_empty() {
                    "message".to_owned()
                } else {
                    event.name
                },
                data: event.data,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // A comment keeps the connection open; ids and times are not used.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_wherever_the_stream_is_cut() {
        let stream = "event: log\r\ndata: {\"é\":1}\r\n\r\n: ping\n\nid: 3\ndata: a\ndata:b\n\nevent: no-data\n\ndata: half";
        for size in [1, 2, 3, 7, 1000] {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for chunk in stream.as_bytes().chunks(size) {
                parser.push(chunk);
                while let Some(event) = parser.next() {
                    found.push((event.name, event.data));
                }
            }
            let expected = [("log", "{\"é\":1}"), ("message", "a\nb")];
            let expected = expected.map(|(name, data)| (name.to_owned(), data.to_owned()));
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}
