//! `EventSource` of a real browser on the events of a run: it hears each of
//! them once, though its connection is cut, and stops after the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runnel_testkit::{Db, Puppet, TestApp, wait_until};
use runnel_types::LogLevel;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::open;

/// The page: notes what it hears, and says so when the browser has given up.
const PAGE: &str = r#"<!doctype html><p id="heard">nothing</p><script>
const heard = [];
const source = new EventSource("/v1/runs/RUN/events");
const note = (event) => {
  const data = JSON.parse(event.data);
  heard.push(data.status_code ?? data.message ?? data.progress);
};
for (const name of ["status", "progress", "log"]) source.addEventListener(name, note);
source.onerror = () => {
  const state = source.readyState === EventSource.CLOSED ? "closed after" : "waiting after";
  document.getElementById("heard").textContent = `${state}: ${heard.join(" ")}.`;
};
</script>"#;

/// A door for browsers, which cannot send a key with an `EventSource`: it adds
/// the key, serves the page, and cuts the first stream after three events.
struct Door {
    url: String,
    streams: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Door {
    async fn open(app: &TestApp, run: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let streams = Arc::new(AtomicUsize::new(0));
        let (key, server) = (app.key().to_owned(), app.url(""));
        let server = server.trim_start_matches("http://").to_owned();
        let page = PAGE.replace("RUN", run);
        let counted = Arc::clone(&streams);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let pass = pass(
                    stream,
                    page.clone(),
                    server.clone(),
                    key.clone(),
                    Arc::clone(&counted),
                );
                tokio::spawn(pass);
            }
        });
        Self { url, streams, task }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut browser: TcpStream,
    page: String,
    server: String,
    key: String,
    streams: Arc<AtomicUsize>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if browser.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    if !head.starts_with("GET /v1/") {
        let (status, body) = if head.starts_with("GET / ") {
            ("200 OK", page.as_str())
        } else {
            ("404 Not Found", "")
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = browser.write_all(answer.as_bytes()).await;
        return;
    }
    let is_first = streams.fetch_add(1, Ordering::SeqCst) == 0;
    let mut upstream = TcpStream::connect(server).await.unwrap();
    let lines = head.trim_end().lines();
    let kept = lines.filter(|line| !line.to_lowercase().starts_with("connection:"));
    let asked = kept.collect::<Vec<_>>().join("\r\n");
    let asked = format!("{asked}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
    upstream.write_all(asked.as_bytes()).await.unwrap();
    let mut passed = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = upstream.read(&mut chunk).await {
        let _ = browser.write_all(&chunk[..read]).await;
        passed.extend_from_slice(&chunk[..read]);
        let events = String::from_utf8_lossy(&passed).matches("event: ").count();
        if is_first && events >= 3 {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_hears_each_event_once_and_stops() {
    let app = TestApp::start(Db::Sqlite).await;
    let puppet = Puppet::new();
    app.add_model(puppet.entry(|_| {}));
    let made = app.post(Puppet::RUNS, &json!({"input": {}})).send().await;
    let run = made.assert(201).json()["id"].as_str().unwrap().to_owned();
    let door = Door::open(&app, &run).await;
    let url = door.url.clone();
    let browsing = tokio::task::spawn_blocking(move || open(&url));
    let steps = async {
        let call = puppet.call().await;
        let reporter = &call.work.reporter;
        reporter.log(LogLevel::Info, "one");
        wait_until("the browser to come back", || async {
            (door.streams.load(Ordering::SeqCst) >= 2).then_some(())
        })
        .await;
        reporter.log(LogLevel::Info, "two");
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    let seen = browsing.await.unwrap();
    let heard = "closed after: queued running one two succeeded.";
    assert!(seen.dom.contains(heard), "{}\n{}", seen.console, seen.dom);
    assert_eq!(door.streams.load(Ordering::SeqCst), 3, "the last got 204");
    app.stop().await;
}
