//! A light client for the benches: blocking sockets, one thread a client, the
//! standard library alone, so that what is measured is the server's work.
//!
//! `load cycle HOST:PORT KEY FILE CLIENTS COUNT` uploads to Runnel in three steps,
//! `load peer …` to Directus with its thumbnail, `load sessions …` prints upload
//! URLs, `load put …` sends a file to the URLs of its input, `load pages …` times
//! lists of two servers in turn. Each prints one line of figures.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept.
struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Client {
    fn connect(host: &str) -> Outcome<Self> {
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
    fn ask(
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
fn field(body: &[u8], name: &str) -> Outcome<String> {
    let text = std::str::from_utf8(body)?;
    let mark = format!("\"{name}\":\"");
    let begin = text.find(&mark).ok_or("an answer without the field")? + mark.len();
    let rest = &text[begin..];
    Ok(rest[..rest.find('"').ok_or("an open string")?].to_owned())
}

fn path_of(url: &str) -> Outcome<&str> {
    let after = url.split_once("://").ok_or("no URL")?.1;
    Ok(&after[after.find('/').ok_or("no path")?..])
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

fn create(client: &mut Client, key: &str, size: usize, kind: &str) -> Outcome<(String, String)> {
    let headers = format!("{}content-type: application/json\r\n", bearer(key));
    let body = format!(
        "{{\"filename\":\"photo.{}\",\"mime_type\":\"{kind}\",\"size_bytes\":{size}}}",
        kind.rsplit('/').next().unwrap_or_default()
    );
    let made = client.ask("POST", "/v1/asset-uploads", &headers, body.as_bytes(), &[201])?;
    Ok((field(&made, "asset_id")?, field(&made, "upload_url")?))
}

/// Create, PUT, confirm.
fn upload(client: &mut Client, key: &str, file: &[u8]) -> Outcome<()> {
    let (id, url) = create(client, key, file.len(), "image/jpeg")?;
    client.ask("PUT", path_of(&url)?, "content-type: image/jpeg\r\n", file, &[200])?;
    let headers = format!("{}content-type: application/json\r\n", bearer(key));
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let asset = client.ask("POST", &path, &headers, b"{}", &[201])?;
    field(&asset, "thumbnail_url").map(drop)
}

/// A form, then the thumbnail once.
fn peer_upload(client: &mut Client, key: &str, file: &[u8]) -> Outcome<()> {
    let mut form = b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.jpeg\"\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
    form.extend_from_slice(file);
    form.extend_from_slice(b"\r\n--edge--\r\n");
    let headers = format!("{}content-type: multipart/form-data; boundary=edge\r\n", bearer(key));
    let made = client.ask("POST", "/files", &headers, &form, &[200])?;
    let path = format!(
        "/assets/{}?width=512&height=512&fit=inside&format=webp&withoutEnlargement=true",
        field(&made, "id")?
    );
    let small = client.ask("GET", &path, &bearer(key), b"", &[200])?;
    if small.get(8..12) == Some(b"WEBP") { Ok(()) } else { Err("no WebP".into()) }
}

/// Does `work` `count` times with so many clients; the seconds that it took.
fn storm(
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

fn quantile(sorted: &[f64], of: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * of).round() as usize]
}

/// Times one list of each server in turn. A line of the input names the two
/// paths; all lines are asked round by round, so that noise meets all alike.
fn pages(hosts: [&str; 2], keys: [&str; 2], rounds: usize) -> Outcome<()> {
    let cases: Vec<Vec<String>> = std::io::stdin()
        .lines()
        .map(|line| Ok(line?.split('\t').map(str::to_owned).collect()))
        .collect::<Outcome<_>>()?;
    let mut clients = [Client::connect(hosts[0])?, Client::connect(hosts[1])?];
    let mut times = vec![[Vec::new(), Vec::new()]; cases.len()];
    for round in 0..rounds + rounds / 10 {
        for (case, times) in cases.iter().zip(&mut times) {
            for side in [round % 2, 1 - round % 2] {
                let begun = Instant::now();
                clients[side].ask("GET", &case[side + 1], &bearer(keys[side]), b"", &[200])?;
                if round >= rounds / 10 {
                    times[side].push(begun.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
    }
    for (case, times) in cases.iter().zip(&mut times) {
        times.iter_mut().for_each(|side| side.sort_by(f64::total_cmp));
        let [small, large] = times;
        println!(
            "{}\t{:.3}\t{:.3}\t{:.3}\t{:.3}",
            case[0],
            quantile(small, 0.5),
            quantile(small, 0.99),
            quantile(large, 0.5),
            quantile(large, 0.99)
        );
    }
    Ok(())
}

fn run(arguments: &[&str]) -> Outcome<()> {
    match *arguments {
        ["cycle", host, key, file, clients, count] => {
            let file = std::fs::read(file)?;
            let taken = storm(host, clients.parse()?, count.parse()?, |client, _| {
                upload(client, key, &file)
            })?;
            println!("{taken:.4}");
        }
        ["peer", host, key, file, clients, count] => {
            let file = std::fs::read(file)?;
            let taken = storm(host, clients.parse()?, count.parse()?, |client, _| {
                peer_upload(client, key, &file)
            })?;
            println!("{taken:.4}");
        }
        ["sessions", host, key, size, count] => {
            let mut client = Client::connect(host)?;
            let mut all = String::new();
            for _ in 0..count.parse()? {
                all += &create(&mut client, key, size.parse()?, "image/png")?.1;
                all.push('\n');
            }
            std::io::stdout().write_all(all.as_bytes())?;
        }
        ["put", host, file, clients] => {
            let file = Arc::new(std::fs::read(file)?);
            let urls: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
            let taken = storm(host, clients.parse()?, urls.len(), |client, number| {
                let path = path_of(&urls[number])?;
                let kind = "content-type: image/png\r\n";
                client.ask("PUT", path, kind, &file, &[200, 201, 204]).map(drop)
            })?;
            println!("{taken:.4}");
        }
        ["pages", small, small_key, large, large_key, rounds] => {
            pages([small, large], [small_key, large_key], rounds.parse()?)?;
        }
        _ => return Err("load cycle|peer|sessions|put|pages …; see the head of load.rs".into()),
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}
