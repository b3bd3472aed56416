//! What a run's input may refer to, and what its output may bring.

mod fetched;
mod outputs;
mod references;
mod refused;
mod unreachable;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel::config::Settings;
use runnel::wire::Environment;
use runnel_engines::InputForm;
use runnel_testkit::{Call, Db, Puppet, Storage, TestApp};
use runnel_types::{InputSpec, InputType, ModelSpec};
use serde_json::{Value, json};

/// A model that takes files in every form.
fn takes_everything(spec: &mut ModelSpec) {
    let archive = InputSpec {
        is_file: true,
        ..InputSpec::new("zip_url", InputType::String)
    };
    spec.inputs = vec![
        InputSpec::new("image_url", InputType::Image),
        InputSpec::new("asset_id", InputType::String),
        InputSpec::new("images", InputType::ImageList),
        InputSpec::new("video_url", InputType::Video),
        InputSpec::new("prompt", InputType::String),
        InputSpec::new("scene", InputType::Json),
        archive,
    ];
}

/// A server that may fetch from this machine, with such a model.
async fn start(db: Db) -> (TestApp, Puppet) {
    start_in(db, Storage::Disk, InputForm::Bytes, |_, _| {}).await
}

async fn start_in(
    db: Db,
    storage: Storage,
    form: InputForm,
    change: impl FnOnce(&mut Settings, &mut Environment),
) -> (TestApp, Puppet) {
    let app = TestApp::start_in(db, storage, |settings, environment| {
        "127.0.0.1".clone_into(&mut settings.egress_allow);
        change(settings, environment);
    })
    .await;
    let puppet = Puppet::taking(form);
    app.add_model(puppet.entry(takes_everything));
    (app, puppet)
}

fn data_uri(mime_type: &str, bytes: &[u8]) -> String {
    format!("data:{mime_type};base64,{}", STANDARD.encode(bytes))
}

/// Creates a run; answers with its id.
async fn create(app: &TestApp, input: &Value) -> String {
    let request = app.post(Puppet::RUNS, &json!({"input": input}));
    let run = request.send().await.assert(201).json();
    run["id"].as_str().unwrap().to_owned()
}

/// The faults of a run that is refused: field and message.
async fn refusal(app: &TestApp, input: &Value) -> Vec<(String, String)> {
    let request = app.post(Puppet::RUNS, &json!({"input": input}));
    let error = request.send().await.assert_error(422, "VALIDATION_ERROR");
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap().to_owned();
    let faults = error["errors"].as_array().unwrap().iter();
    faults
        .map(|fault| (text(fault, "field"), text(fault, "message")))
        .collect()
}

async fn run(app: &TestApp, id: &str) -> Value {
    let shown = app.get(&format!("/v1/runs/{id}")).send().await;
    shown.assert(200).json()
}

/// Works off what is due while the test says what the engine does.
async fn work(app: &TestApp, puppet: &Puppet, answer: impl FnOnce(Call)) {
    tokio::join!(app.run_jobs(), async {
        answer(puppet.call().await);
    });
}

/// Works off what is due, again and again with some time between, until the run
/// has failed without ever coming to its engine.
async fn failed(app: &TestApp, puppet: &Puppet, id: &str) -> Value {
    for _ in 0..5 {
        app.run_jobs().await;
        let run = run(app, id).await;
        if run["status_code"] == "failed" {
            assert!(!puppet.is_called().await);
            return run;
        }
        app.advance(Duration::from_mins(5));
    }
    panic!("the run {id} does not end");
}

/// The assets that there are: id and how each came to be.
async fn assets(app: &TestApp) -> Vec<Value> {
    let listed = app.get("/v1/assets?limit=100").send().await.assert(200);
    listed.json()["items"].as_array().unwrap().clone()
}
