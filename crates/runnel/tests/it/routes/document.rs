//! What the API's document says beyond the shapes of answers: bodies that may be
//! left out, parameters and headers, and words that a reader can do with.

use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(bodies_that_may_be_left_out_are_told_of_and_no_others,);

const UNKNOWN: &str = "018f4e1a-0000-7000-8000-000000000001";

async fn document(app: &TestApp) -> Value {
    let request = Request::new("GET", &app.url("/v1/openapi.json"));
    request.send().await.assert(200).json()
}

/// The operations of the document: method, path and what is said of them.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        let told = methods.filter(|(_, told)| told.get("operationId").is_some());
        told.map(|(method, told)| (method.to_uppercase(), path.clone(), told))
    });
    all.collect()
}

fn parameter<'a>(operation: &'a Value, place: &str, name: &str) -> Option<&'a Value> {
    let all = operation["parameters"].as_array()?;
    all.iter()
        .find(|told| told["in"] == place && told["name"] == name)
}

/// The path of an operation whose thing is there to be asked for.
async fn path_of(app: &TestApp, path: &str) -> String {
    let made = |path: &str, body: Value| {
        let request = app.post(path, &body);
        async move {
            let made = request.send().await.assert(201).json();
            made["id"].as_str().unwrap().to_owned()
        }
    };
    let id = if path.contains("/runs/{id}") {
        made("/v1/models/runnel/echo/runs", json!({"input": {}})).await
    } else if path.contains("/batches/{id}") {
        made("/v1/models/runnel/echo/batches", json!({"input": [{}]})).await
    } else if path.contains("/callback-secrets/{id}") {
        made("/v1/callback-secrets", json!({})).await
    } else if path.contains("/webhooks/{id}") {
        made("/v1/webhooks", json!({"url": "https://example.com/"})).await
    } else if path.contains("/asset-folders/{id}") {
        made("/v1/asset-folders", json!({"name": "x"})).await
    } else if path.contains("/assets/{id}") {
        let png = runnel_media::sample::gradient_png(8, 8);
        let asset = app.asset("image/png", &png).await;
        asset["id"].as_str().unwrap().to_owned()
    } else {
        UNKNOWN.to_owned()
    };
    path.replace("{id}", &id)
        .replace("{owner}", "runnel")
        .replace("{slug}", "echo")
}

async fn bodies_that_may_be_left_out_are_told_of_and_no_others(db: Db) {
    let app = TestApp::start(db).await;
    let document = document(&app).await;
    let mut free = Vec::new();
    for (method, path, told) in operations(&document) {
        if !told["requestBody"]["content"]["application/json"].is_object() {
            continue;
        }
        let url = app.url(&path_of(&app, &path).await);
        let answer = Request::new(&method, &url).key(app.key()).send().await;
        let is_required = told["requestBody"]["required"] == true;
        // An upload that nobody made is 404, which is not about the body.
        assert_eq!(
            answer.status == 422,
            is_required,
            "{method} {path} without a body is {}",
            answer.status
        );
        if !is_required {
            free.push(told["operationId"].as_str().unwrap().to_owned());
        }
        app.run_jobs().await;
    }
    for operation in ["uploads.confirm", "runs.cancel", "runs.rerun"] {
        assert!(free.contains(&operation.to_owned()), "{free:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_and_headers_are_told_of() {
    let app = TestApp::start(Db::Sqlite).await;
    let document = document(&app).await;
    let all = operations(&document);
    for (method, path, told) in &all {
        let key = parameter(told, "header", "Idempotency-Key");
        assert_eq!(key.is_some(), method == "POST", "{method} {path}");
    }
    let of = |id: &str| all.iter().find(|(_, _, told)| told["operationId"] == id);
    for (operation, place, name) in [
        ("assets.list", "query", "folder_id"),
        ("assets.list", "query", "asset_type"),
        ("assets.list", "query", "embed"),
        ("assets.get", "query", "embed"),
        ("folders.list", "query", "parent_id"),
        ("folders.delete", "query", "recursive"),
        ("runs.list", "query", "status_code"),
        ("webhooks.deliveries", "query", "status_code"),
        ("webhooks.deliveries", "query", "event_type_code"),
        ("runs.create", "header", "Prefer"),
        ("runs.rerun", "header", "Prefer"),
    ] {
        let (_, _, told) = of(operation).unwrap();
        let told = parameter(told, place, name);
        let told = told.unwrap_or_else(|| panic!("{operation} tells of {name}"));
        assert!(
            told["description"].is_string() && told["schema"].is_object(),
            "{told}"
        );
        assert!(
            told["required"].as_bool().is_none_or(|needed| !needed),
            "{told}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_words_for_readers_of_the_code_are_in_the_document() {
    let app = TestApp::start(Db::Sqlite).await;
    let text = document(&app).await.to_string();
    for phrase in ["documentation of", "[`", "gone on with", "that is none"] {
        assert!(!text.contains(phrase), "the document says {phrase:?}");
    }
    app.stop().await;
}
