//! The receivers of `docs/callbacks.md`, taken out of the page and run: what is
//! genuine is taken once, everything else is refused.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use runnel_testkit::{Db, Request, TestApp};
use runnel_types::{Clock, SystemClock};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The block of the page that is marked `file=name`.
fn block(name: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/callbacks.md")).unwrap();
    let mark = format!("file={name}\n");
    let begin = page
        .find(&mark)
        .unwrap_or_else(|| panic!("no block {name} in the page"));
    let code = &page[begin + mark.len()..];
    code[..code.find("```").unwrap()].to_owned()
}

/// A receiver at work. Killed when it is dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Running {
    fn start(mut command: Command, secret: &str) -> Self {
        // Free a moment ago; nobody else on this machine takes it meanwhile.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let spawned = command
            .env("PORT", port.to_string())
            .env("CALLBACK_SECRET", secret)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let url = format!("http://127.0.0.1:{port}/");
        Self { child, lines, url }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn takes_what_is_genuine_once(start: impl FnOnce(&Path, &str) -> Running) {
    let app = TestApp::start_with(Db::Sqlite, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let behind = SystemClock.now().as_micros() - app.clock.now().as_micros();
    app.advance(Duration::from_micros(behind.unsigned_abs()));
    let secret = app.post("/v1/callback-secrets", &json!({})).send().await;
    let secret = secret.assert(201).json();
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = start(folder.path(), secret["plain_secret"].as_str().unwrap());

    let forged = Request::new("POST", &receiver.url)
        .header("webhook-id", "forged")
        .header(
            "webhook-timestamp",
            &SystemClock.now().as_seconds().to_string(),
        )
        .header("webhook-signature", "v1,AAAA")
        .json(&json!({"event": "run.completed", "run_id": "forged"}));
    forged.send().await.assert(401);
    let body = json!({"input": {"text": "größer"}, "callback_url": receiver.url});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let id = run.assert(201).json()["id"].as_str().unwrap().to_owned();
    app.run_jobs().await;
    let callback = app.get(&format!("/v1/runs/{id}/callback")).send().await;
    let callback: Value = callback.assert(200).json();
    assert_eq!(callback[0]["attempts"][0]["status_code"], 204, "{callback}");
    let told = receiver.lines.next().unwrap().unwrap();
    assert_eq!(told, format!("run.completed {id}"));
    app.stop().await;
}

#[tokio::test]
async fn the_receiver_for_node() {
    takes_what_is_genuine_once(|folder, secret| {
        let file = folder.join("receiver.mjs");
        std::fs::write(&file, block("receiver.mjs")).unwrap();
        let modules = root().join("target/test-tools/node/node_modules");
        std::os::unix::fs::symlink(modules, folder.join("node_modules")).unwrap();
        let mut node = Command::new("node");
        node.arg(file);
        Running::start(node, secret)
    })
    .await;
}

#[tokio::test]
async fn the_receiver_for_python() {
    takes_what_is_genuine_once(|folder, secret| {
        let file = folder.join("receiver.py");
        std::fs::write(&file, block("receiver.py")).unwrap();
        let mut python = Command::new(root().join("target/test-tools/python/bin/python"));
        python.arg(file);
        Running::start(python, secret)
    })
    .await;
}
