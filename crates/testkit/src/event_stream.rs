//! A reader of server-sent events, one after the other, over a connection that
//! the test may drop at any moment.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::http::Request;

/// How long a test waits for an event before it fails.
const LIMIT: Duration = Duration::from_secs(30);

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub data: Value,
}

/// An open stream of events.
#[derive(Debug)]
pub struct EventStream {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    connection: BufReader<TcpStream>,
    text: String,
}

impl EventStream {
    /// Sends the request and reads the head of the answer.
    pub async fn open(request: Request) -> Self {
        let stream = TcpStream::connect(request.host()).await.unwrap();
        let mut connection = BufReader::new(stream);
        let head = request.head();
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.flush().await.unwrap();
        let status = line(&mut connection).await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = line(&mut connection).await;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Self {
            status,
            headers,
            connection,
            text: String::new(),
        }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The next event; `None` when the stream has ended as it should.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let event = parse(&block);
                if event.is_some() {
                    return event;
                }
                continue;
            }
            if !self.read_chunk().await {
                assert_eq!(self.text, "", "the stream ended within an event");
                return None;
            }
        }
    }

    /// The events up to and with the one that `is_last`.
    pub async fn until(&mut self, mut is_last: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            events.push(event.unwrap_or_else(|| panic!("the stream ended after {events:?}")));
            if events.last().is_some_and(&mut is_last) {
                return events;
            }
        }
    }

    /// Every event to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    async fn read_chunk(&mut self) -> bool {
        let size = line(&mut self.connection).await;
        let size = usize::from_str_radix(&size, 16)
            .unwrap_or_else(|_| panic!("the stream broke off: {size:?}"));
        let mut chunk = vec![0; size + 2];
        self.connection.read_exact(&mut chunk).await.unwrap();
        chunk.truncate(size);
        self.text.push_str(&String::from_utf8(chunk).unwrap());
        size > 0
    }
}

async fn line(connection: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = tokio::time::timeout(LIMIT, connection.read_line(&mut line)).await;
    read.unwrap_or_else(|_| panic!("nothing came")).unwrap();
    line.trim_end().to_owned()
}

/// An event; `None` of a comment.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Event {
        id: field("id")?.to_owned(),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}
