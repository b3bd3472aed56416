//! `runnel listen`: what it prints, answers and sends on.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use runnel_testkit::{Db, Receiver, Request, TestApp};
use serde_json::{Value, json};

/// A `runnel listen` at work. Killed when it is dropped.
struct Listener {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Listener {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runnel"))
            .args(["listen", "--listen", "127.0.0.1:0"])
            .args(flags)
            .env_remove("RUNNEL_CALLBACK_SECRETS")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let url = if let Some(url) = first.strip_prefix("listening on ") {
            url.to_owned()
        } else {
            let told: Value = serde_json::from_str(&first).unwrap();
            told["listening_on"].as_str().unwrap().to_owned()
        };
        Self { child, lines, url }
    }

    /// Everything that it prints until it ends by itself.
    fn rest(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success());
        lines
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn started() -> TestApp {
    TestApp::start_with(Db::Sqlite, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await
}

async fn run(app: &TestApp, callback_url: &str) -> String {
    let body = json!({"input": {"text": "hi"}, "callback_url": callback_url});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let id = run.assert(201).json()["id"].as_str().unwrap().to_owned();
    app.run_jobs().await;
    id
}

#[tokio::test]
async fn events_are_verified_and_answered_as_asked() {
    let app = started().await;
    let secret = app.post("/v1/callback-secrets", &json!({})).send().await;
    let secret = secret.assert(201).json()["plain_secret"].clone();
    let secrets = format!("whsec_b2xk,{}", secret.as_str().unwrap());
    let flags = [
        "--secret", &secrets, "--json", "--answer", "503", "--count", "2",
    ];
    let listener = Listener::start(&flags);
    let id = run(&app, &format!("{}/hook", listener.url)).await;
    let callback = app.get(&format!("/v1/runs/{id}/callback")).send().await;
    let callback = callback.assert(200).json();
    assert_eq!(callback[0]["attempts"][0]["status_code"], 503);
    let forged = Request::new("POST", &listener.url)
        .header("runflow-signature", "00")
        .json(&json!({"event": "run.completed"}));
    forged.send().await.assert(503);
    let lines: Vec<Value> = listener
        .rest()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["body"]["run_id"], id.as_str());
    assert_eq!(lines[0]["headers"]["webhook-id"], callback[0]["id"]);
    // The server's clock is the test's, two months behind the machine's.
    let verdict = |line: &Value| (line["signature"].clone(), line["webhook_signature"].clone());
    assert_eq!(verdict(&lines[0]), (json!("genuine"), json!("stale")));
    assert_eq!(verdict(&lines[1]), (json!("wrong"), json!("unsigned")));
    assert_eq!(lines[1]["answer"], 503);
    app.stop().await;
}

#[tokio::test]
async fn without_a_secret_a_signature_is_unchecked() {
    let listener = Listener::start(&["--json", "--count", "2"]);
    let event = || Request::new("POST", &listener.url).json(&json!({"event": "run.completed"}));
    let signed = event().header("runflow-signature", "00");
    signed.send().await.assert(200);
    event().send().await.assert(200);
    let lines: Vec<Value> = listener
        .rest()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["signature"], "unchecked");
    assert_eq!(lines[0]["webhook_signature"], "unsigned");
    assert_eq!(lines[1]["signature"], "unsigned");
}

#[tokio::test]
async fn events_are_sent_on_as_they_came() {
    let app = started().await;
    let behind = Receiver::start(&[500]).await;
    let listener = Listener::start(&["--forward-to", behind.url(), "--count", "2"]);
    let id = run(&app, &listener.url).await;
    app.advance(Duration::from_secs(10));
    app.run_jobs().await;
    let callback = app.get(&format!("/v1/runs/{id}/callback")).send().await;
    let callback = callback.assert(200).json();
    let statuses = [500, 200].map(Value::from);
    let attempts = callback[0]["attempts"].as_array().unwrap();
    assert_eq!(
        attempts
            .iter()
            .map(|attempt| attempt["status_code"].clone())
            .collect::<Vec<_>>(),
        statuses
    );
    let (head, body) = &behind.received()[0];
    assert!(
        head.contains(&format!(
            "webhook-id: {}",
            callback[0]["id"].as_str().unwrap()
        )),
        "{head}"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(body).unwrap()["run_id"],
        id.as_str()
    );
    let lines = listener.rest();
    assert_eq!(lines.len(), 2);
    for (line, status) in lines.iter().zip(["answered 500", "answered 200"]) {
        for word in ["run.completed", id.as_str(), "unsigned", status] {
            assert!(line.contains(word), "{word:?} is not in {line:?}");
        }
    }
    app.stop().await;
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (flags, hint) in [
        (&["--answer", "99"][..], "200..=599"),
        (&["--forward-to", "ftp://x"], "http://"),
        (
            &["--forward-to", "http://127.0.0.1:1", "--answer", "500"],
            "cannot be used with",
        ),
        (&["--listen", "nonsense"], "such as 127.0.0.1:8080"),
        (&["--secret", "whsec_b2xk,nonsense"], "begins with whsec_"),
    ] {
        let output = super::runnel(&[&["listen"], flags].concat());
        assert!(!output.status.success(), "{flags:?}");
        let told = super::stderr(&output);
        assert!(told.contains(hint), "{flags:?}: {told}");
        assert!(!told.contains("b2xk"), "a secret is not repeated: {told}");
    }
}
