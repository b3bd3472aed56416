//! Callbacks verified by receivers that others wrote: the Standard Webhooks
//! libraries for Python and Node, and `Runflow-Signature` in plain code of both;
//! through the whole rotation of a secret.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use runnel_types::{Clock, SystemClock};
use serde_json::{Value, json};

on_both_databases!(
    receivers_verify_callbacks_through_a_rotation,
    an_attempt_after_a_rotation_is_signed_anew,
    receivers_verify_events_with_the_secret_of_their_webhook,
);

fn tools(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/test-tools")
        .join(folder)
}

/// What a receiver says to each message: whether `Runflow-Signature` and
/// `webhook-signature` are genuine.
fn judged(mut command: Command, messages: &Value) -> Value {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; `scripts/setup.sh test` installs it")
    });
    let mut input = child.stdin.take().unwrap();
    input.write_all(messages.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "its words are on stderr");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn both_judge(messages: Value, expected: Value) {
    let judging = tokio::task::spawn_blocking(move || {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut python = Command::new(tools("python").join("bin/python"));
        python.arg(clients.join("verify.py"));
        assert_eq!(judged(python, &messages), expected, "in Python");
        let mut node = Command::new("node");
        node.arg(clients.join("verify.mjs")).arg(tools("node"));
        assert_eq!(judged(node, &messages), expected, "in Node");
    });
    judging.await.unwrap();
}

/// A server whose clock is the machine's: receivers look at theirs.
async fn start(db: Db) -> TestApp {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let behind = SystemClock.now().as_micros() - app.clock.now().as_micros();
    app.advance(std::time::Duration::from_micros(behind.unsigned_abs()));
    app
}

async fn secret(app: &TestApp, label: &str) -> Value {
    let made = app.post("/v1/callback-secrets", &json!({"label": label}));
    made.send().await.assert(201).json()
}

/// Runs once, and answers with the headers and the body that arrived last.
async fn callback(app: &TestApp, receiver: &Receiver) -> (Value, String, String) {
    let body = json!({"input": {"text": "größer"}, "callback_url": receiver.url()});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let run = run.assert(201).json()["id"].as_str().unwrap().to_owned();
    app.run_jobs().await;
    let (headers, body) = last(receiver);
    (headers, body, run)
}

fn last(receiver: &Receiver) -> (Value, String) {
    let (head, body) = receiver.received_exactly().pop().unwrap();
    let headers = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), json!(value)))
    });
    (
        Value::Object(headers.collect()),
        String::from_utf8(body).unwrap(),
    )
}

fn message(secret: &Value, headers: &Value, body: &str) -> Value {
    json!({"secret": secret["plain_secret"], "headers": headers, "body": body})
}

async fn receivers_verify_callbacks_through_a_rotation(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let (unsigned, _, run) = callback(&app, &receiver).await;
    for header in ["runflow-signature", "webhook-signature"] {
        assert_eq!(unsigned[header], Value::Null);
    }
    let shown = app.get(&format!("/v1/runs/{run}/callback")).send().await;
    assert_eq!(
        shown.assert(200).json()[0]["signing_secret_id"],
        Value::Null
    );

    let old = secret(&app, "old").await;
    let (headers, body, run) = callback(&app, &receiver).await;
    let shown = app.get(&format!("/v1/runs/{run}/callback")).send().await;
    assert_eq!(shown.assert(200).json()[0]["signing_secret_id"], old["id"]);
    let mut forged_time = headers.clone();
    let seconds: i64 = headers["webhook-timestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    forged_time["webhook-timestamp"] = json!((seconds + 1).to_string());
    both_judge(
        json!([
            message(&old, &headers, &body),
            message(&old, &headers, &body.replace("succeeded", "failed")),
            message(&old, &forged_time, &body),
            message(&old, &unsigned, &body),
        ]),
        json!([[true, true], [false, false], [true, false], [false, false]]),
    )
    .await;

    // Two are live: the old one is current, both are among the standard ones.
    let new = secret(&app, "new").await;
    let (headers, body, _) = callback(&app, &receiver).await;
    both_judge(
        json!([
            message(&old, &headers, &body),
            message(&new, &headers, &body)
        ]),
        json!([[true, true], [false, true]]),
    )
    .await;
    let path = |secret: &Value| format!("/v1/callback-secrets/{}", secret["id"].as_str().unwrap());
    let promoted = app.patch(&path(&new), &json!({"is_current": true}));
    assert_eq!(promoted.send().await.assert(200).json()["is_current"], true);
    let (headers, body, _) = callback(&app, &receiver).await;
    both_judge(
        json!([
            message(&old, &headers, &body),
            message(&new, &headers, &body)
        ]),
        json!([[false, true], [true, true]]),
    )
    .await;
    app.delete(&path(&old)).send().await.assert(204);
    let (headers, body, _) = callback(&app, &receiver).await;
    both_judge(
        json!([
            message(&old, &headers, &body),
            message(&new, &headers, &body)
        ]),
        json!([[false, false], [true, true]]),
    )
    .await;
    app.stop().await;
}

async fn an_attempt_after_a_rotation_is_signed_anew(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500]).await;
    let old = secret(&app, "old").await;
    let (first, first_body, run) = callback(&app, &receiver).await;
    let new = secret(&app, "new").await;
    let path = |secret: &Value| format!("/v1/callback-secrets/{}", secret["id"].as_str().unwrap());
    app.delete(&path(&old)).send().await.assert(204);
    let promoted = app.patch(&path(&new), &json!({"is_current": true}));
    promoted.send().await.assert(200);
    app.advance(std::time::Duration::from_secs(10));
    app.run_jobs().await;
    let (second, second_body) = last(&receiver);
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(first_body, second_body, "the body is frozen");
    assert_eq!(first["webhook-id"], second["webhook-id"]);
    both_judge(
        json!([
            message(&old, &second, &second_body),
            message(&new, &second, &second_body)
        ]),
        json!([[false, false], [true, true]]),
    )
    .await;
    let shown = app.get(&format!("/v1/runs/{run}/callback")).send().await;
    assert_eq!(shown.assert(200).json()[0]["signing_secret_id"], new["id"]);
    app.stop().await;
}

async fn receivers_verify_events_with_the_secret_of_their_webhook(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[]).await;
    let of_callbacks = secret(&app, "callbacks").await;
    let body = json!({"url": receiver.url()});
    let made = app.post("/v1/webhooks", &body).send().await;
    let made = made.assert(201).json();
    let run = json!({"input": {"text": "größer"}});
    let run = app.post("/v1/models/runnel/echo/runs", &run).send().await;
    run.assert(201);
    app.run_jobs().await;
    let (headers, body) = last(&receiver);
    both_judge(
        json!([
            message(&made, &headers, &body),
            message(&of_callbacks, &headers, &body),
            message(&made, &headers, &body.replace("succeeded", "failed")),
        ]),
        json!([[true, true], [false, false], [false, false]]),
    )
    .await;
    app.stop().await;
}
