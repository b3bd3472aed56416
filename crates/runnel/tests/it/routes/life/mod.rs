//! The life of a run: cancelled, tried again, watched, waited for, run again.

mod cancel;
mod events;
mod logs;
mod rerun;
mod retry;
mod wait;

use runnel_testkit::{Puppet, Receiver, TestApp};
use serde_json::{Value, json};

/// Creates a run of the puppet; answers with its id.
async fn start(app: &TestApp) -> String {
    let body = json!({"input": {"text": "hi"}});
    let run = app.post(Puppet::RUNS, &body).send().await.assert(201);
    id(&run.json())
}

fn id(run: &Value) -> String {
    run["id"].as_str().unwrap().to_owned()
}

async fn read(app: &TestApp, id: &str) -> Value {
    let run = app.get(&format!("/v1/runs/{id}")).send().await;
    run.assert(200).json()
}

/// The lines of a run's log, level and message.
async fn log(app: &TestApp, id: &str) -> Vec<(String, String)> {
    let path = format!("/v1/runs/{id}/logs?limit=500");
    let page = app.get(&path).send().await.assert(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = page["items"].as_array().unwrap().iter();
    lines
        .map(|line| (text(&line["level"]), text(&line["message"])))
        .collect()
}

/// A server that may call receivers of this machine, with the puppet's model.
async fn with_puppet(db: runnel_testkit::Db) -> (TestApp, Puppet) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let puppet = Puppet::new();
    app.add_model(puppet.entry(|_| {}));
    (app, puppet)
}

/// What a receiver was told, as JSON.
fn told(receiver: &Receiver) -> Vec<Value> {
    let received = receiver.received().into_iter();
    received
        .map(|(_, body)| serde_json::from_slice(&body).unwrap())
        .collect()
}
