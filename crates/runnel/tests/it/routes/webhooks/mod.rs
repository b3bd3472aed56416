//! Webhooks: their records, what they hear of, how it is sent, and what ends it.

mod assets;
mod ended;
mod events;
mod failing;
mod records;
mod sent;

use runnel_testkit::{Db, Receiver, TestApp};
use runnel_types::OrgId;
use serde_json::{Value, json};

const WEBHOOKS: &str = "/v1/webhooks";

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

fn at(webhook: &Value) -> String {
    format!("{WEBHOOKS}/{}", id(webhook))
}

/// A server that may reach receivers of the test's.
async fn start(db: Db) -> TestApp {
    TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await
}

/// A webhook that hears of some events; of all when there are none.
async fn webhook(app: &TestApp, receiver: &Receiver, event_types: &[&str]) -> Value {
    let body = json!({"url": receiver.url(), "event_types": event_types});
    app.post(WEBHOOKS, &body).send().await.assert(201).json()
}

async fn shown(app: &TestApp, webhook: &Value) -> Value {
    app.get(&at(webhook)).send().await.assert(200).json()
}

/// A page of what was sent to a webhook, or to `any`, the newest first.
async fn deliveries(app: &TestApp, webhook: &str, query: &str) -> Vec<Value> {
    let path = format!("{WEBHOOKS}/{webhook}/deliveries?{query}");
    let page = app.get(&path).send().await.assert(200).json();
    page["items"].as_array().unwrap().clone()
}

/// The bodies that arrived.
fn bodies(receiver: &Receiver) -> Vec<Value> {
    let received = receiver.received_exactly();
    received
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect()
}

/// What the bodies tell of, in order of their names: deliveries of one moment
/// come in any order.
fn events(receiver: &Receiver) -> Vec<String> {
    let mut events: Vec<String> = bodies(receiver)
        .iter()
        .map(|body| body["event"].as_str().unwrap().to_owned())
        .collect();
    events.sort();
    events
}

/// Makes a run of the echo and has it executed.
async fn echo(app: &TestApp, body: Value) -> Value {
    let made = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let made = made.assert(201).json();
    app.run_jobs().await;
    let run = app.get(&format!("/v1/runs/{}", id(&made))).send().await;
    run.assert(200).json()
}

async fn org(app: &TestApp) -> OrgId {
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = me["memberships"][0]["org"]["id"].as_str().unwrap();
    org.parse().unwrap()
}
