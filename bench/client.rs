//! What the clients of all benches share: a connection that is kept, and a storm of
//! them. Blocking sockets, one thread a client, the standard library alone, so that
//! what is measured is the server's work.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What can go wrong is told to a person.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept.
pub struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Client {
    /// Opens a connection.
    pub fn connect(host: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::with_capacity(64 * 1024, stream),
        })
    }

    /// Sends a request; `headers` are whole lines. Asks that it is answered `wanted`.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
        wanted: &[u16],
    ) -> Outcome<Vec<u8>> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let stream = self.stream.get_mut();
        if body.len() < 16 * 1024 {
            stream.write_all(&[head.as_bytes(), body].concat())?;
        } else {
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
        }
        let answer = self.answer()?;
        if !wanted.contains(&answer.status) {
            let text = String::from_utf8_lossy(&answer.body);
            return Err(format!("{method} {path}: {} {text}", answer.status).into());
        }
        Ok(answer.body)
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the server hung up".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn answer(&mut self) -> Outcome<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).unwrap_or_default().parse()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= line == "transfer-encoding: chunked";
        }
        let mut body = Vec::new();
        if !chunked {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
            return Ok(Answer { status, body });
        }
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(Answer { status, body });
            }
        }
    }
}

/// The text of a field of an answer; no more of JSON is needed here.
pub fn field(body: &[u8], name: &str) -> Outcome<String> {
    let text = std::str::from_utf8(body)?;
    let mark = format!("\"{name}\":\"");
    let begin = text.find(&mark).ok_or("an answer without the field")? + mark.len();
    let rest = &text[begin..];
    Ok(rest[..rest.find('"').ok_or("an open string")?].to_owned())
}

/// The header of a key.
pub fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

/// Does `work` `count` times with so many clients; the seconds that it took.
pub fn storm(
    host: &str,
    clients: usize,
    count: usize,
    work: impl Fn(&mut Client, usize) -> Outcome<()> + Sync,
) -> Outcome<f64> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<Box<dyn Error + Send + Sync>>> = Mutex::new(None);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let done = (|| {
                    let mut client = Client::connect(host)?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return Ok(());
                        }
                        work(&mut client, number)?;
                    }
                })();
                if let Err(error) = done {
                    next.store(count, Ordering::Relaxed);
                    if let Ok(mut failed) = failed.lock() {
                        failed.get_or_insert(error);
                    }
                }
            });
        }
    });
    let taken = begun.elapsed().as_secs_f64();
    match failed.into_inner() {
        Ok(None) => Ok(taken),
        Ok(Some(error)) => Err(error),
        Err(_) => Err("a client panicked".into()),
    }
}

/// The value below which a share of the sorted ones lies.
pub fn quantile(sorted: &[f64], of: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * of).round() as usize]
}

/// What of a URL is asked of its server.
pub fn path_of(url: &str) -> Outcome<&str> {
    let after = url.split_once("://").ok_or("no URL")?.1;
    Ok(&after[after.find('/').ok_or("no path")?..])
}

/// Opens an upload: the id of the asset to come, and the URL of its bytes.
pub fn create(
    client: &mut Client,
    key: &str,
    size: usize,
    kind: &str,
) -> Outcome<(String, String)> {
    let headers = format!("{}content-type: application/json\r\n", bearer(key));
    let body = format!(
        "{{\"filename\":\"photo.{}\",\"mime_type\":\"{kind}\",\"size_bytes\":{size}}}",
        kind.rsplit('/').next().unwrap_or_default()
    );
    let made = client.ask(
        "POST",
        "/v1/asset-uploads",
        &headers,
        body.as_bytes(),
        &[201],
    )?;
    Ok((field(&made, "asset_id")?, field(&made, "upload_url")?))
}

/// Create, PUT, confirm: the asset, as it was answered.
pub fn upload(client: &mut Client, key: &str, file: &[u8]) -> Outcome<Vec<u8>> {
    let (id, url) = create(client, key, file.len(), "image/jpeg")?;
    client.ask(
        "PUT",
        path_of(&url)?,
        "content-type: image/jpeg\r\n",
        file,
        &[200],
    )?;
    let headers = format!("{}content-type: application/json\r\n", bearer(key));
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    client.ask("POST", &path, &headers, b"{}", &[201])
}
