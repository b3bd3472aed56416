//! Batches: refused as a whole, made as a whole, listed, cancelled, told once.

mod create;
mod ended;

use runnel_testkit::{Db, TestApp};
use serde_json::Value;

const ECHO: &str = "/v1/models/runnel/echo/batches";

/// An app whose callbacks may go to the loopback.
async fn telling(db: Db) -> TestApp {
    TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await
}

async fn create(app: &TestApp, path: &str, body: &Value) -> Value {
    app.post(path, body).send().await.assert(201).json()
}

async fn get(app: &TestApp, path: &str) -> Value {
    app.get(path).send().await.assert(200).json()
}

fn path_of(batch: &Value, rest: &str) -> String {
    format!("/v1/batches/{}{rest}", batch["id"].as_str().unwrap())
}

async fn count(app: &TestApp, path: &str) -> usize {
    get(app, path).await["items"].as_array().unwrap().len()
}

/// One field of every item of a list.
fn column(list: &Value, field: &str) -> Value {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item[field].clone()).collect()
}
