//! A light client for the benches: blocking sockets, one thread a client, the
//! standard library alone, so that what is measured is the server's work.
//!
//! `load cycle HOST:PORT KEY FILE CLIENTS COUNT` uploads to Runnel in three steps,
//! `load peer …` to Directus with its thumbnail, `load sessions …` prints upload
//! URLs, `load put …` sends a file to the URLs of its input, `load pages …` times
//! lists of two servers in turn. Each prints one line of figures.

#[path = "../client.rs"]
mod client;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use client::{Client, Outcome, bearer, create, field, path_of, quantile, storm, upload};

/// A form, then the thumbnail once.
fn peer_upload(client: &mut Client, key: &str, file: &[u8]) -> Outcome<()> {
    let mut form = b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.jpeg\"\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
    form.extend_from_slice(file);
    form.extend_from_slice(b"\r\n--edge--\r\n");
    let headers = format!(
        "{}content-type: multipart/form-data; boundary=edge\r\n",
        bearer(key)
    );
    let made = client.ask("POST", "/files", &headers, &form, &[200])?;
    let path = format!(
        "/assets/{}?width=512&height=512&fit=inside&format=webp&withoutEnlargement=true",
        field(&made, "id")?
    );
    let small = client.ask("GET", &path, &bearer(key), b"", &[200])?;
    if small.get(8..12) == Some(b"WEBP") {
        Ok(())
    } else {
        Err("no WebP".into())
    }
}

/// How often the lists are timed: of a hundredth part the worst is luck, and the
/// middle of several is less so.
const PASSES: usize = 5;

/// Times one list of each server in turn. A line of the input names the two
/// paths; all lines are asked round by round, so that noise meets all alike.
fn pages(hosts: [&str; 2], keys: [&str; 2], rounds: usize) -> Outcome<()> {
    let cases: Vec<Vec<String>> = std::io::stdin()
        .lines()
        .map(|line| Ok(line?.split('\t').map(str::to_owned).collect()))
        .collect::<Outcome<_>>()?;
    let mut clients = [Client::connect(hosts[0])?, Client::connect(hosts[1])?];
    // Of each case and side the half and the hundredth of each pass.
    let mut told = vec![[const { [const { Vec::new() }; 2] }; 2]; cases.len()];
    for _ in 0..PASSES {
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
        for (times, told) in times.iter_mut().zip(&mut told) {
            for (times, told) in times.iter_mut().zip(told) {
                times.sort_by(f64::total_cmp);
                told[0].push(quantile(times, 0.5));
                told[1].push(quantile(times, 0.99));
            }
        }
    }
    for (case, told) in cases.iter().zip(&mut told) {
        print!("{}", case[0]);
        for figures in told.as_flattened_mut() {
            figures.sort_by(f64::total_cmp);
            print!("\t{:.3}", figures[PASSES / 2]);
        }
        println!();
    }
    Ok(())
}

fn run(arguments: &[&str]) -> Outcome<()> {
    match *arguments {
        ["cycle", host, key, file, clients, count] => {
            let file = std::fs::read(file)?;
            let taken = storm(host, clients.parse()?, count.parse()?, |client, _| {
                field(&upload(client, key, &file)?, "thumbnail_url").map(drop)
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
                client
                    .ask("PUT", path, kind, &file, &[200, 201, 204])
                    .map(drop)
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
