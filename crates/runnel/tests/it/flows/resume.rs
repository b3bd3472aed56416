//! A large upload by a client that others wrote (tus-js-client), interrupted
//! ten times: the connection is cut, or the server is killed and another one
//! started. What is stored in the end is the file.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use runnel_media::sample;
use runnel_testkit::{Db, Process, Request, database_url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "rf_live_0123456789abcdefghijTUSJS";

/// Above the limit of an upload in one piece.
const SIZE: usize = 60 * 1024 * 1024;

const INTERRUPTIONS: usize = 10;

/// The client at work. Killed when it is dropped.
struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(file: &Path, url: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = here.join("../../target/test-tools/node");
        assert!(
            tools.join("node_modules/tus-js-client").exists(),
            "tus-js-client is not in {}; scripts/setup.sh test installs it",
            tools.display()
        );
        let mut child = Command::new("node")
            .arg(here.join("tests/clients/resume.mjs"))
            .args([&tools, file])
            .args([url, &INTERRUPTIONS.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("node cannot be started: {error}; scripts/setup.sh test installs it")
            });
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    /// What it says next.
    fn says(&mut self) -> String {
        let line = self.output.next();
        line.unwrap_or_else(|| panic!("the client ended; its words are on stderr"))
            .unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A PNG, and noise behind its end, which belongs to nobody: large, and
/// confirmed at once.
fn write_file(folder: &Path) -> (PathBuf, String) {
    let mut bytes = sample::gradient_png(64, 64);
    bytes.reserve_exact(SIZE);
    let mut state = 1_u64;
    while bytes.len() < SIZE {
        // Knuth's generator: no two pieces of the file are alike.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    bytes.truncate(SIZE);
    let path = folder.join("large.png");
    std::fs::write(&path, &bytes).unwrap();
    (path, hex::encode(Sha256::digest(&bytes)))
}

async fn post(server: &Process, path: &str, body: &Value) -> Value {
    let request = Request::new("POST", &server.url(path)).key(KEY).json(body);
    request.send().await.assert(201).json()
}

async fn interrupted_ten_times_the_bytes_are_whole(db: Db) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (file, sha256) = write_file(folder.path());
    let database = database_url(db).await;
    let mut variables = vec![("RUNNEL_BOOTSTRAP_API_KEY", KEY), ("RUNNEL_LOG", "error")];
    if let Some(url) = &database {
        variables.push(("RUNNEL_DATABASE_URL", url));
    }
    let start = || Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &variables);
    let mut server = start();
    let body = json!({
        "filename": "large.png", "mime_type": "image/png", "size_bytes": SIZE, "resumable": true,
    });
    let session = post(&server, "/v1/asset-uploads", &body).await;
    let id = session["asset_id"].as_str().unwrap();
    let url = session["upload_url"].as_str().unwrap();
    let (_, path) = url.split_once("/storage/").unwrap();
    let mut client = Client::start(&file, url);
    let mut interruptions = 0;
    loop {
        match client.says().as_str() {
            "kill" => {
                server.kill();
                server = start();
            }
            "whole" => break,
            line => {
                assert!(line.starts_with("interrupted "), "{line}");
                interruptions += 1;
                // The port changes with each start; the path and the signature do not.
                let url = server.url(&format!("/storage/{path}"));
                writeln!(client.input, "{url}").unwrap();
            }
        }
    }
    assert_eq!(interruptions, INTERRUPTIONS);
    let confirmations = format!("/v1/asset-uploads/{id}/confirmations");
    let asset = post(&server, &confirmations, &json!({})).await;
    assert_eq!(
        (&asset["sha256"], &asset["size_bytes"]),
        (&json!(sha256), &json!(SIZE))
    );
    let kept = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(hex::encode(Sha256::digest(&kept.assert(200).body)), sha256);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_ten_times_the_bytes_are_whole_on_sqlite() {
    interrupted_ten_times_the_bytes_are_whole(Db::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_ten_times_the_bytes_are_whole_on_postgres() {
    interrupted_ten_times_the_bytes_are_whole(Db::Postgres).await;
}
