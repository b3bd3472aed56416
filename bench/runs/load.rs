//! The clients of the benches of runs.
//!
//! `load burst HOST:PORT KEY CLIENTS COUNT` makes so many runs of `runnel/echo`,
//! waits until all have ended, and prints the seconds until the last was accepted
//! and until the last had ended. `load steady … KEY RATE COUNT` makes them at a
//! rate whatever the answers take, and prints p50 and p99 from the acceptance to
//! the end as the records tell, and of the answer to the POST. `load list … KEY
//! COUNT` prints p50 and p99 of the list of queued runs; `load fill …`, as `burst`,
//! makes them and waits for none. `load upload … KEY FILE` prints the id of an
//! asset, and `load removal … KEY ASSET` the milliseconds from asking that its
//! background be removed until that is done. `load peer … PATH BODY CLIENTS COUNT`
//! posts to another server and prints the seconds.

#[path = "../client.rs"]
mod client;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use client::{Client, Outcome, bearer, field, quantile, storm, upload};

const ECHO: &str = "/v1/models/runnel/echo/runs";
/// How long the server gets to end what it has accepted.
const PATIENCE: Duration = Duration::from_secs(600);
/// Connections of a steady load: enough that none is waited for.
const LANES: usize = 16;

fn headers(key: &str) -> String {
    format!("{}content-type: application/json\r\n", bearer(key))
}

/// Makes a run; its id.
fn make(client: &mut Client, headers: &str, number: usize) -> Outcome<String> {
    let body = format!("{{\"input\":{{\"text\":\"{number}\"}}}}");
    let made = client.ask("POST", ECHO, headers, body.as_bytes(), &[201])?;
    field(&made, "id")
}

/// Waits until no run is queued or running.
fn wait_for_all(client: &mut Client, key: &str) -> Outcome<()> {
    let begun = Instant::now();
    for status in ["queued", "running"] {
        let path = format!("/v1/runs?limit=1&q=status_code:{status}");
        loop {
            let page = client.ask("GET", &path, &bearer(key), b"", &[200])?;
            if field(&page, "id").is_err() {
                break;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("runs are still {status} after {PATIENCE:?}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Makes runs as fast as so many clients can; the seconds that it took.
fn fill(host: &str, key: &str, clients: usize, count: usize) -> Outcome<f64> {
    let headers = headers(key);
    storm(host, clients, count, |client, number| {
        make(client, &headers, number).map(drop)
    })
}

fn burst(host: &str, key: &str, clients: usize, count: usize) -> Outcome<()> {
    let begun = Instant::now();
    let accepted = fill(host, key, clients, count)?;
    wait_for_all(&mut Client::connect(host)?, key)?;
    println!("{accepted:.4} {:.4}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Microseconds since midnight of a time like `2026-05-06T10:00:00.123456Z`.
fn micros(time: &str) -> Outcome<i64> {
    let (_, time) = time
        .trim_end_matches('Z')
        .split_once('T')
        .ok_or("no time")?;
    let mut parts = time.split([':', '.']);
    let mut next = || -> Outcome<i64> { Ok(parts.next().ok_or("a short time")?.parse()?) };
    Ok(((next()? * 60 + next()?) * 60 + next()?) * 1_000_000 + next()?)
}

fn steady(host: &str, key: &str, rate: f64, count: usize) -> Outcome<()> {
    let headers = headers(key);
    let made: Mutex<Vec<(String, f64)>> = Mutex::default();
    let begun = Instant::now();
    storm(host, LANES, count, |client, number| {
        let at = begun + Duration::from_secs_f64(number as f64 / rate);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let id = make(client, &headers, number)?;
        // From when it was due: an answer that keeps the next one waiting counts twice.
        let taken = at.elapsed().as_secs_f64() * 1e3;
        made.lock()
            .map_err(|_| "a client panicked")?
            .push((id, taken));
        Ok(())
    })?;
    let mut client = Client::connect(host)?;
    wait_for_all(&mut client, key)?;
    let (mut recorded, mut answered) = (Vec::new(), Vec::new());
    for (id, taken) in made.into_inner().map_err(|_| "a client panicked")? {
        let run = client.ask("GET", &format!("/v1/runs/{id}"), &bearer(key), b"", &[200])?;
        let time = |name| micros(&field(&run, name)?);
        let micros = time("completed_at")? - time("created_at")?;
        recorded.push(micros.rem_euclid(86_400_000_000) as f64 / 1e3);
        answered.push(taken);
    }
    for times in [&mut recorded, &mut answered] {
        times.sort_by(f64::total_cmp);
    }
    println!(
        "{:.2} {:.2} {:.2} {:.2}",
        quantile(&recorded, 0.5),
        quantile(&recorded, 0.99),
        quantile(&answered, 0.5),
        quantile(&answered, 0.99)
    );
    Ok(())
}

fn list(host: &str, key: &str, count: usize) -> Outcome<()> {
    let mut client = Client::connect(host)?;
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        client.ask(
            "GET",
            "/v1/runs?q=status_code:queued",
            &bearer(key),
            b"",
            &[200],
        )?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("{:.2} {:.2}", quantile(&times, 0.5), quantile(&times, 0.99));
    Ok(())
}

fn removal(host: &str, key: &str, asset: &str) -> Outcome<()> {
    let mut client = Client::connect(host)?;
    let path = "/v1/models/runflow/background-removal/runs";
    let body = format!("{{\"input\":{{\"asset_id\":\"{asset}\"}}}}");
    let begun = Instant::now();
    let made = client.ask("POST", path, &headers(key), body.as_bytes(), &[201])?;
    let path = format!("/v1/runs/{}", field(&made, "id")?);
    loop {
        let run = client.ask("GET", &path, &bearer(key), b"", &[200])?;
        match field(&run, "status_code")?.as_str() {
            "succeeded" => break,
            "queued" | "running" if begun.elapsed() < PATIENCE => {}
            other => return Err(format!("the run is {other}").into()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{:.1}", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Posts until it is taken: Cog's one slot may not be free yet when it has answered.
fn post_to_peer(client: &mut Client, path: &str, body: &str) -> Outcome<()> {
    let headers = "content-type: application/json\r\n";
    loop {
        let answer = client.ask("POST", path, headers, body.as_bytes(), &[200, 409])?;
        if field(&answer, "error").is_err() {
            return Ok(());
        }
    }
}

fn run(arguments: &[&str]) -> Outcome<()> {
    match *arguments {
        ["burst", host, key, clients, count] => burst(host, key, clients.parse()?, count.parse()?),
        ["fill", host, key, clients, count] => {
            println!("{:.4}", fill(host, key, clients.parse()?, count.parse()?)?);
            Ok(())
        }
        ["upload", host, key, file] => {
            let file = std::fs::read(file)?;
            let asset = upload(&mut Client::connect(host)?, key, &file)?;
            println!("{}", field(&asset, "id")?);
            Ok(())
        }
        ["removal", host, key, asset] => removal(host, key, asset),
        ["steady", host, key, rate, count] => steady(host, key, rate.parse()?, count.parse()?),
        ["list", host, key, count] => list(host, key, count.parse()?),
        ["peer", host, path, body, clients, count] => {
            let taken = storm(host, clients.parse()?, count.parse()?, |client, _| {
                post_to_peer(client, path, body)
            })?;
            println!("{taken:.4}");
            Ok(())
        }
        _ => {
            Err("load burst|fill|steady|list|upload|removal|peer …; see the head of load.rs".into())
        }
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
