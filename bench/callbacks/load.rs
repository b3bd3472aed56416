//! The clients of the benches of callbacks, and their receiver.
//!
//! `load owe HOST:PORT KEY URL CLIENTS COUNT` makes so many runs that are to be told
//! to URL and cancels each, so that a server without workers owes so many callbacks.
//! `load receive COUNT` listens on a port, which it prints, answers every callback
//! with 204 until COUNT different ones have come, and prints the seconds from the
//! first to the last, and how many came twice. `load hang` listens, prints its port,
//! takes every connection and never answers. `load steady HOST:PORT KEY RATE COUNT`
//! makes runs at a rate, each to be told to a receiver of its own, and prints p50 and
//! p99 in milliseconds from the acceptance of a run to the arrival of its callback.

#[path = "../client.rs"]
mod client;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::{Client, Outcome, bearer, field, quantile, storm};

const ECHO: &str = "/v1/models/runnel/echo/runs";
/// How long is waited for what is owed.
const PATIENCE: Duration = Duration::from_secs(600);
/// Connections of a steady load: enough that none is waited for.
const LANES: usize = 8;

fn headers(key: &str) -> String {
    format!("{}content-type: application/json\r\n", bearer(key))
}

fn make(client: &mut Client, headers: &str, number: usize, url: &str) -> Outcome<String> {
    let body = format!("{{\"input\":{{\"text\":\"{number}\"}},\"callback_url\":\"{url}\"}}");
    let made = client.ask("POST", ECHO, headers, body.as_bytes(), &[201])?;
    field(&made, "id")
}

fn owe(host: &str, key: &str, url: &str, clients: usize, count: usize) -> Outcome<()> {
    let headers = headers(key);
    storm(host, clients, count, |client, number| {
        let id = make(client, &headers, number, url)?;
        let path = format!("/v1/runs/{id}/cancellation");
        client.ask("POST", &path, &headers, b"{}", &[200, 201, 202])?;
        Ok(())
    })?;
    Ok(())
}

/// A callback as it came.
struct Arrival {
    id: String,
    run: String,
    at: Instant,
}

/// Answers what comes over one connection.
fn serve(stream: TcpStream, arrivals: &Sender<Arrival>) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(16 * 1024, stream);
    let mut line = String::new();
    let mut body = Vec::new();
    loop {
        let (mut length, mut id) = (0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse()?;
                } else if name.eq_ignore_ascii_case("webhook-id") {
                    value.trim().clone_into(&mut id);
                }
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        let at = Instant::now();
        stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        let run = field(&body, "run_id")?;
        if arrivals.send(Arrival { id, run, at }).is_err() {
            return Ok(());
        }
    }
}

/// Listens, each connection on a thread of its own; the port.
fn listen(arrivals: Sender<Arrival>) -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrivals = arrivals.clone();
            std::thread::spawn(move || serve(stream, &arrivals));
        }
    });
    Ok(port)
}

fn receive(count: usize) -> Outcome<()> {
    let (sender, arrivals) = channel();
    println!("{}", listen(sender)?);
    let mut seen = HashSet::new();
    let (mut twice, mut first) = (0, None);
    loop {
        let arrival = arrivals.recv_timeout(PATIENCE)?;
        let first = *first.get_or_insert(arrival.at);
        twice += usize::from(!seen.insert(arrival.id));
        if seen.len() == count {
            let taken = arrival.at.duration_since(first).as_secs_f64();
            println!("{taken:.4} {twice}");
            break;
        }
    }
    // Whoever started this ends it; until then it answers what may still come.
    loop {
        arrivals.recv()?;
    }
}

fn hang() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let held: Vec<TcpStream> = listener.incoming().flatten().collect();
    drop(held);
    Ok(())
}

fn steady(host: &str, key: &str, rate: f64, count: usize) -> Outcome<()> {
    let (sender, arrivals) = channel();
    let url = format!("http://127.0.0.1:{}/hook", listen(sender)?);
    let accepted: Arc<Mutex<Vec<(String, Instant)>>> = Arc::default();
    let headers = headers(key);
    let begun = Instant::now();
    storm(host, LANES, count, |client, number| {
        let due = begun + Duration::from_secs_f64(number as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let id = make(client, &headers, number, &url)?;
        accepted.lock().map_err(|_| "a client panicked")?.push((id, asked));
        Ok(())
    })?;
    let asked: std::collections::HashMap<String, Instant> =
        accepted.lock().map_err(|_| "a client panicked")?.drain(..).collect();
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        let arrival = arrivals.recv_timeout(PATIENCE)?;
        if let Some(asked) = asked.get(&arrival.run) {
            taken.push(arrival.at.duration_since(*asked).as_secs_f64() * 1000.0);
        }
    }
    taken.sort_by(f64::total_cmp);
    println!("{:.2} {:.2}", quantile(&taken, 0.5), quantile(&taken, 0.99));
    Ok(())
}

fn run(arguments: &[&str]) -> Outcome<()> {
    match arguments {
        ["owe", host, key, url, clients, count] => {
            owe(host, key, url, clients.parse()?, count.parse()?)
        }
        ["receive", count] => receive(count.parse()?),
        ["hang"] => hang(),
        ["steady", host, key, rate, count] => steady(host, key, rate.parse()?, count.parse()?),
        _ => Err("see the head of bench/callbacks/load.rs".into()),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}
