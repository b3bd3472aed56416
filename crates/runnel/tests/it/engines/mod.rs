//! Models of a model file on engines elsewhere, from the request to the asset.
//! What each engine says and hears is tested in its own crate.

mod availability;
mod http;
mod runflow;

use std::path::PathBuf;

use runnel_testkit::{Db, TestApp, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with a model file, in a folder that must outlive it.
async fn server_with(db: Db, models: &str) -> (TestApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("models.toml");
    std::fs::write(&file, models).unwrap();
    let app = TestApp::start_with(db, |settings| settings.models = Some(file)).await;
    (app, folder)
}

/// Creates a run and works the jobs off; answers with the run at its end.
async fn run(app: &TestApp, model: &str, input: &Value) -> Value {
    let body = json!({ "input": input });
    let path = format!("/v1/models/{model}/runs");
    let run = app.post(&path, &body).send().await.assert(201).json();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    wait_until("the run to end", || async {
        app.run_jobs().await;
        let run = app.get(&path).send().await.assert(200).json();
        let status = run["status_code"].as_str().unwrap();
        (!matches!(status, "queued" | "running")).then_some(run)
    })
    .await
}
