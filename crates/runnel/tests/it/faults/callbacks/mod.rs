//! Receivers that fail and misbehave: each attempt's record says what happened,
//! and no receiver holds the server up, leads it astray or makes it forget.

mod addresses;
mod answers;
mod apart;
mod certificates;
mod clock;
mod killed;
mod many;
mod schedule;
mod silence;
mod unrecorded;

use std::time::Duration;

use runnel::wire::Environment;
use runnel_testkit::{Db, Storage, TestApp};
use serde_json::{Value, json};

/// Makes a run that ends with a callback; where its deliveries are shown.
async fn echo_with_callback(app: &TestApp, url: &str) -> String {
    let body = json!({"input": {"text": "hi"}, "callback_url": url});
    let run = app
        .post("/v1/models/runnel/echo/runs", &body)
        .send()
        .await
        .assert(201)
        .json();
    format!("/v1/runs/{}/callback", run["id"].as_str().unwrap())
}

/// Makes a run and cancels it, which its receiver is to be told; where its
/// deliveries are shown.
async fn owe(app: &TestApp, url: &str) -> String {
    let body = json!({"input": {"text": "hi"}, "callback_url": url});
    let made = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let id = made.assert(201).json()["id"].as_str().unwrap().to_owned();
    let cancel = app.post(&format!("/v1/runs/{id}/cancellation"), &json!({}));
    cancel.send().await;
    format!("/v1/runs/{id}/callback")
}

async fn delivery(app: &TestApp, path: &str) -> Value {
    app.get(path).send().await.assert(200).json()[0].clone()
}

async fn allowing(db: Db) -> TestApp {
    allowing_in(db, |_| {}).await
}

/// A server that may call the loopback, on a machine of the test's own.
async fn allowing_in(db: Db, change: impl FnOnce(&mut Environment)) -> TestApp {
    TestApp::start_in(db, Storage::Disk, |settings, environment| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
        change(environment);
    })
    .await
}

/// Makes a run and attempts its callback until it is delivered or given up.
async fn attempted_to_the_end(app: &TestApp, url: &str) -> Value {
    let path = echo_with_callback(app, url).await;
    for _ in 0..8 {
        app.run_jobs().await;
        // Longer than the longest pause.
        app.advance(Duration::from_hours(20));
    }
    let ended = delivery(app, &path).await;
    assert!(ended["completed_at"].is_string(), "{ended}");
    ended
}

/// Looks at a delivery that was given up for one reason, told on all attempts.
fn assert_given_up(delivery: &Value, code: &str, words: &str) {
    let attempts = delivery["attempts"].as_array().unwrap();
    assert_eq!(
        (delivery["status_code"].as_str(), attempts.len()),
        (Some("failed"), 8),
        "{delivery}"
    );
    assert_eq!(delivery["failure_reason_code"], code, "{delivery}");
    for text in attempts
        .iter()
        .map(|attempt| &attempt["error_message"])
        .chain([&delivery["failure_detail"]])
    {
        assert!(text.as_str().unwrap().contains(words), "{words}: {text}");
    }
}
