//! A requester made by hand, so that anything can be sent: bodies that are too
//! short, cut off, chunked, or not what the head says.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an exchange may take before the test fails.
const LIMIT: Duration = Duration::from_mins(1);

/// A request being put together.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    host: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Length,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Announced(usize),
    Chunked,
    None,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    asked: String,
}

impl Request {
    /// A request to `url`, which is absolute.
    pub fn new(method: &str, url: &str) -> Self {
        let rest = url
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{url} does not begin with http://"));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            method: method.to_owned(),
            host: host.to_owned(),
            path: format!("/{path}"),
            headers: Vec::new(),
            body: Vec::new(),
            length: Length::None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string().into_bytes())
    }

    /// Sends a form with one file in it.
    #[must_use]
    pub fn file(self, name: &str, mime_type: &str, bytes: &[u8]) -> Self {
        let mut form = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {mime_type}\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n--edge--\r\n");
        self.form(form)
    }

    /// Sends a form whose parts are set off by `--edge`.
    #[must_use]
    pub fn form(self, form: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "multipart/form-data; boundary=edge")
            .body(form)
    }

    /// Sends bytes with their length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Length::Announced(self.body.len());
        self
    }

    /// Sends bytes in chunks, without their length.
    #[must_use]
    pub fn chunked(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Length::Chunked;
        self
    }

    /// Announces another length than the body has.
    #[must_use]
    pub fn announcing(mut self, length: usize) -> Self {
        self.length = Length::Announced(length);
        self
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method, self.path, self.host
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        match self.length {
            Length::Announced(length) => drop(write!(head, "content-length: {length}\r\n")),
            Length::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Length::None => {}
        }
        head + "\r\n"
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.host)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.host))
    }

    /// Sends the request and reads the whole answer.
    pub async fn send(self) -> Response {
        let asked = self.asked();
        self.try_send()
            .await
            .unwrap_or_else(|| panic!("{asked} was answered with no HTTP"))
    }

    /// The same, for a server that may die meanwhile: `None` when no whole
    /// answer came.
    pub async fn try_send(self) -> Option<Response> {
        let asked = self.asked();
        let exchange = async {
            let mut stream = TcpStream::connect(&self.host).await.ok()?;
            stream.write_all(self.head().as_bytes()).await.ok()?;
            // A server may answer before it has read everything; then writing
            // fails, and what counts is the answer.
            let _ = self.write_body(&mut stream).await;
            read_answer(&mut stream, &asked).await
        };
        let timed = tokio::time::timeout(LIMIT, exchange).await;
        timed.unwrap_or_else(|_| panic!("{asked} was not answered"))
    }

    fn asked(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    async fn write_body(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        match self.length {
            Length::Chunked => {
                for chunk in self.body.chunks(1000) {
                    stream
                        .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
                        .await?;
                    stream.write_all(chunk).await?;
                    stream.write_all(b"\r\n").await?;
                }
                stream.write_all(b"0\r\n\r\n").await
            }
            Length::Announced(_) | Length::None => stream.write_all(&self.body).await,
        }
    }

    /// The length of the body, in bytes.
    pub const fn body_length(&self) -> usize {
        self.body.len()
    }

    /// Sends the head and the first `bytes` of the body. Dropping what comes
    /// back cuts the request off.
    pub async fn begin(self, bytes: usize) -> Begun {
        let mut stream = self.connect().await;
        stream.write_all(self.head().as_bytes()).await.unwrap();
        stream.write_all(&self.body[..bytes]).await.unwrap();
        stream.flush().await.unwrap();
        Begun {
            asked: self.asked(),
            rest: self.body[bytes..].to_vec(),
            stream,
        }
    }
}

/// A request of which only a part was sent so far.
#[derive(Debug)]
pub struct Begun {
    stream: TcpStream,
    rest: Vec<u8>,
    asked: String,
}

impl Begun {
    /// Sends what is left of the body and reads the answer.
    pub async fn finish(self) -> Response {
        let Self {
            mut stream,
            rest,
            asked,
        } = self;
        let exchange = async {
            let _ = stream.write_all(&rest).await;
            read_answer(&mut stream, &asked).await
        };
        let timed = tokio::time::timeout(LIMIT, exchange).await;
        timed
            .unwrap_or_else(|_| panic!("{asked} was not answered"))
            .unwrap_or_else(|| panic!("{asked} was answered with no HTTP"))
    }
}

/// Sends `bytes` as they are to the server at `base_url`, and no more; answers
/// with all that comes back. For what is no HTTP.
pub async fn send_raw(base_url: &str, bytes: &[u8]) -> Vec<u8> {
    let host = base_url.trim_start_matches("http://");
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let timed = tokio::time::timeout(LIMIT, exchange).await;
    timed.unwrap_or_else(|_| panic!("{:?} was not answered", String::from_utf8_lossy(bytes)))
}

async fn read_answer(stream: &mut TcpStream, asked: &str) -> Option<Response> {
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw).await;
    Response::parse(&raw, asked)
}

impl Response {
    fn parse(raw: &[u8], asked: &str) -> Option<Self> {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let of = |name: &str| {
            headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        let body = &raw[end + 4..];
        let body = if of("transfer-encoding") == Some("chunked") {
            dechunk(body)?
        } else {
            let announced = of("content-length").and_then(|length| length.parse().ok());
            // A server that died within its answer did not give it.
            if announced.is_some_and(|length: usize| body.len() < length)
                && !asked.starts_with("HEAD ")
            {
                return None;
            }
            body.to_vec()
        };
        Some(Self {
            status,
            headers,
            body,
            asked: asked.to_owned(),
        })
    }

    /// What a redirection leads to; another answer as it is.
    pub async fn followed(self) -> Self {
        if self.status != 307 {
            return self;
        }
        let url = self.header("location").unwrap();
        Request::new("GET", url).send().await
    }

    /// Asserts the status; a failure shows what was asked and answered.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "asserting is use enough")]
    pub fn assert(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}\n{}",
            self.asked,
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Asserts the error envelope with a code; answers with it.
    #[track_caller]
    pub fn assert_error(self, status: u16, code: &str) -> Value {
        let this = self.assert(status);
        let body = this.json();
        assert_eq!(body["code"], code, "{}: {body}", this.asked);
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| message.len() > 5),
            "{body}"
        );
        assert!(body.get("errors").is_some(), "{body}");
        assert!(
            this.header("runflow-request-id").is_some(),
            "{:?}",
            this.headers
        );
        body
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{} answered no JSON ({error}): {}",
                self.asked,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The content of a chunked body; `None` when its end is missing.
fn dechunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(end + 2..end + 2 + size)?);
        raw = raw.get(end + 4 + size..)?;
    }
}
