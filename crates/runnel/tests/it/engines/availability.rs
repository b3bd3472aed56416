//! What the catalogue tells of the engines behind its models.

use std::time::Duration;

use runnel_testkit::{Receiver, Request, TestApp};
use serde_json::{Value, json};

use super::server_with;

/// What the list and the model itself tell.
async fn told(app: &TestApp, model: &str) -> String {
    let one = app.get(&format!("/v1/models/{model}")).send().await;
    let one = one.assert(200).json()["availability_status"].clone();
    let list = app.get("/v1/models?fields=model,availability_status");
    let list = list.send().await.assert(200).json();
    let shown = json!({"model": model, "availability_status": one});
    let items = list["items"].as_array().unwrap();
    assert!(items.contains(&shown), "{shown} is not in {list}");
    one.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_model_says_whether_its_engine_was_there_when_it_was_asked_last() {
    let engine = Receiver::start(&[200, 503]).await;
    let root = engine.url().trim_end_matches("/hook");
    let models = format!(
        "[models.\"acme/there\"]\nengine = \"http\"\nurl = \"{root}/\"\nhealth = \"health\"\ninputs = \"any\"\n\
         [models.\"acme/away\"]\nengine = \"cog\"\nurl = \"http://127.0.0.1:1\"\ninputs = \"any\"\n"
    );
    let (app, _folder) = server_with(runnel_testkit::Db::Sqlite, &models).await;
    assert_eq!(told(&app, "runnel/echo").await, "available");
    assert_eq!(told(&app, "acme/away").await, "unavailable");
    for _ in 0..5 {
        assert_eq!(told(&app, "acme/there").await, "available");
    }
    // Asked once for all of that.
    let asked = engine.received();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].0.starts_with("get /health "), "{}", asked[0].0);
    app.advance(Duration::from_secs(15));
    assert_eq!(told(&app, "acme/there").await, "unavailable");
    app.advance(Duration::from_secs(15));
    assert_eq!(told(&app, "acme/there").await, "available");
    // Whoever has no key asks no engine.
    let stranger = Request::new("GET", &app.url("/v1/models")).send().await;
    assert_eq!(stranger.assert(401).json()["errors"], Value::Null);
    app.stop().await;
}
