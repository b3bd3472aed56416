//! What must hold of every operation, read from the document that the server
//! serves of itself. An operation that is new has to be put into [`OPERATIONS`]
//! and thereby passes through everything here.

mod replays;
mod schema;

use std::collections::BTreeSet;

use runnel_media::sample;
use runnel_testkit::{Db, Receiver, Request, Response, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    the_document_lists_exactly_the_operations_tested_here,
    operations_ask_for_a_key_and_its_scope,
    ids_in_paths_are_judged_before_anything_else_is_done,
    bodies_are_judged_alike_by_every_operation,
    methods_that_a_path_does_not_know_are_refused_with_those_it_does,
    answers_have_exactly_the_fields_of_the_document,
);

/// Every operation, by the id in the document.
const OPERATIONS: &[&str] = &[
    "assets.change",
    "assets.create",
    "assets.delete",
    "assets.get",
    "assets.list",
    "assets.restore",
    "assets.sign",
    "assets.source_type",
    "assets.source_types",
    "assets.types",
    "auth.me",
    "batches.callback",
    "batches.cancel",
    "batches.create",
    "batches.get",
    "batches.items",
    "batches.list",
    "batches.redeliver",
    "callback_secrets.change",
    "callback_secrets.create",
    "callback_secrets.delete",
    "callback_secrets.list",
    "folders.change",
    "folders.create",
    "folders.delete",
    "folders.get",
    "folders.list",
    "health",
    "models.get",
    "models.list",
    "readiness",
    "runs.callback",
    "runs.cancel",
    "runs.cancel_admin",
    "runs.create",
    "runs.events",
    "runs.get",
    "runs.list",
    "runs.logs",
    "runs.node_runs",
    "runs.redeliver",
    "runs.rerun",
    "uploads.confirm",
    "uploads.create",
    "webhooks.attempt",
    "webhooks.attempts",
    "webhooks.change",
    "webhooks.create",
    "webhooks.delete",
    "webhooks.deliveries",
    "webhooks.delivery",
    "webhooks.event_type",
    "webhooks.event_types",
    "webhooks.get",
    "webhooks.list",
    "webhooks.redeliver",
    "webhooks.test",
];

/// Operations that need no key.
const OPEN: &[&str] = &["health", "readiness"];

/// Operations that every key may call.
const UNSCOPED: &[&str] = &["auth.me", "models.get", "models.list"];

const UNKNOWN: &str = "018f4e1a-0000-7000-8000-000000000001";

struct Operation {
    id: String,
    method: String,
    path: String,
    document: Value,
}

impl Operation {
    fn is_open(&self) -> bool {
        self.document["security"]
            .as_array()
            .is_none_or(Vec::is_empty)
    }

    /// What the path calls the id that [`Operation::path`] puts into it.
    fn id_name(&self) -> Option<&'static str> {
        // Where there are two, the first is the one that is looked for first.
        ["delivery_id", "id"]
            .into_iter()
            .find(|name| self.path.contains(&format!("{{{name}}}")))
    }

    fn takes_json(&self) -> bool {
        self.document["requestBody"]["content"]["application/json"].is_object()
    }

    /// The path with `id` in its place and a model that is there.
    fn path(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{delivery_id}", id)
            .replace("{webhook_id}", "any")
            .replace("{code}", "run.completed")
            .replace("{owner}", "runnel")
            .replace("{slug}", "echo")
            .replace("{name}", "upload")
    }

    fn request(&self, app: &TestApp, id: &str) -> Request {
        Request::new(&self.method, &app.url(&self.path(id)))
    }
}

async fn document(app: &TestApp) -> Value {
    let request = Request::new("GET", &app.url("/v1/openapi.json"));
    request.send().await.assert(200).json()
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.filter_map(move |(method, document)| {
            Some(Operation {
                id: document.get("operationId")?.as_str()?.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                document: document.clone(),
            })
        })
    });
    all.collect()
}

async fn the_document_lists_exactly_the_operations_tested_here(db: Db) {
    let app = TestApp::start(db).await;
    let document = document(&app).await;
    let found: BTreeSet<String> = operations(&document).into_iter().map(|op| op.id).collect();
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        OPERATIONS
    );
    for operation in operations(&document) {
        let is_open = OPEN.contains(&operation.id.as_str());
        assert_eq!(operation.is_open(), is_open, "{}", operation.id);
        assert!(
            operation.document["summary"].is_string(),
            "{} says what it does",
            operation.id
        );
        let parameters = operation.document["parameters"].as_array();
        let names = operation.path.split('/');
        for part in names.filter(|part| part.starts_with('{')) {
            let is_told = |parameter: &Value| {
                parameter["in"] == "path"
                    && part == format!("{{{}}}", parameter["name"].as_str().unwrap())
            };
            assert!(
                parameters.is_some_and(|all| all.iter().any(is_told)),
                "{} documents {part} of its path",
                operation.id
            );
        }
    }
    app.stop().await;
}

async fn operations_ask_for_a_key_and_its_scope(db: Db) {
    let app = TestApp::start(db).await;
    let powerless = app.key_with(&[]).await;
    for operation in operations(&document(&app).await) {
        if OPEN.contains(&operation.id.as_str()) {
            operation.request(&app, UNKNOWN).send().await.assert(200);
            continue;
        }
        let bare = operation.request(&app, UNKNOWN).json(&json!({}));
        let refused = bare.clone().send().await;
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer"),
            "{}",
            operation.id
        );
        refused.assert_error(401, "UNAUTHORIZED");
        let answer = bare.key(&powerless).send().await;
        if UNSCOPED.contains(&operation.id.as_str()) {
            answer.assert(200);
            continue;
        }
        let error = answer.assert_error(403, "PERMISSION_DENIED");
        let names_a_scope = runnel_types::Scope::ALL
            .iter()
            .any(|scope| error["message"].as_str().unwrap().contains(scope.as_str()));
        assert!(names_a_scope, "{}: {error}", operation.id);
    }
    app.stop().await;
}

async fn ids_in_paths_are_judged_before_anything_else_is_done(db: Db) {
    let app = TestApp::start(db).await;
    let all = operations(&document(&app).await);
    for operation in &all {
        let Some(name) = operation.id_name() else {
            continue;
        };
        for wrong in [
            "x",
            "0",
            "%00",
            "%F0%9F%8D%B0",
            "018f4e1a-0000-7000-8000-00000000000",
            "018f4e1a-0000-7000-8000-0000000000011",
            "018f4e1a00007000800000000000000001",
            "%7B018f4e1a-0000-7000-8000-000000000001%7D",
            "1'%20OR%20'1'='1",
        ] {
            let answer = operation.request(&app, wrong).key(app.key()).send().await;
            let error = answer.assert_error(422, "VALIDATION_ERROR");
            assert_eq!(
                error["errors"][0]["loc"],
                json!(["path", name]),
                "{} {wrong}",
                operation.id
            );
        }
        let answer = operation.request(&app, UNKNOWN).key(app.key()).send().await;
        let error = answer.assert(404).json();
        let code = error["code"].as_str().unwrap();
        assert!(
            code.ends_with("_NOT_FOUND") && error["errors"].is_null(),
            "{}: {error}",
            operation.id
        );
    }
    app.stop().await;
}

async fn bodies_are_judged_alike_by_every_operation(db: Db) {
    let app = TestApp::start(db).await;
    let all = operations(&document(&app).await);
    let mut judged = 0;
    for operation in all.iter().filter(|operation| operation.takes_json()) {
        judged += 1;
        let id = app.upload("image/gif", &sample::gif_two_frames()).await;
        let request = |content_type: &str, body: &[u8]| {
            operation
                .request(&app, &id)
                .key(app.key())
                .header("content-type", content_type)
                .body(body)
        };
        let json = |body: &[u8]| request("application/json", body);
        for malformed in [
            &b"{"[..],
            b"{}}",
            b"{'a': 1}",
            b"nul",
            b"\"\\ud800\"",
            b"{\"input\": \"\xff\"}",
            b"1e999",
        ] {
            let answer = json(malformed).send().await;
            answer.assert_error(400, "BAD_REQUEST");
        }
        for no_object in [&b"[]"[..], b"null", b"7", b"\"text\"", b"true"] {
            let error = json(no_object).send().await;
            let error = error.assert_error(422, "VALIDATION_ERROR");
            assert_eq!(error["errors"][0]["loc"], json!(["body"]), "{error}");
        }
        for content_type in ["text/plain", "multipart/form-data; boundary=x", "json"] {
            let answer = request(content_type, b"{}").send().await;
            answer.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
        }
        let large = vec![b' '; 20 * 1024 * 1024];
        json(&large)
            .send()
            .await
            .assert_error(413, "PAYLOAD_TOO_LARGE");
    }
    assert_eq!(
        judged, 16,
        "sessions, confirmations, runs, batches, cancellations (of runs at both paths), reruns, URLs, secrets, webhooks, and changes of assets, folders, secrets and webhooks"
    );
    assert_eq!(app.run_jobs().await, 0, "nothing of it was accepted");
    app.stop().await;
}

async fn methods_that_a_path_does_not_know_are_refused_with_those_it_does(db: Db) {
    let app = TestApp::start(db).await;
    let all = operations(&document(&app).await);
    let paths: BTreeSet<&str> = all
        .iter()
        .map(|operation| operation.path.as_str())
        .collect();
    for path in paths {
        let known: Vec<&Operation> = all.iter().filter(|other| other.path == path).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            if known.iter().any(|operation| operation.method == method) {
                continue;
            }
            let url = app.url(&known[0].path(UNKNOWN));
            let answer = Request::new(method, &url).key(app.key()).send().await;
            let allowed = answer.header("allow").unwrap_or_default().to_owned();
            answer.assert_error(405, "METHOD_NOT_ALLOWED");
            assert!(
                known
                    .iter()
                    .all(|operation| allowed.contains(&operation.method)),
                "{method} {path} tells what it allows (RFC 9110, 15.5.6): {allowed:?}"
            );
        }
    }
    app.stop().await;
}

async fn answers_have_exactly_the_fields_of_the_document(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let receiver = Receiver::start(&[]).await;
    let png = sample::gradient_png(40, 30);
    let asset = app.asset("image/png", &png).await;
    let doomed = app.asset("image/png", &png).await;
    let (folder, empty) = (
        app.folder("kept", None).await,
        app.folder("empty", None).await,
    );
    let run = json!({
        "input": {"text": "hi"}, "metadata": {"a": 1}, "client_ref": "b", "callback_url": receiver.url(),
    });
    let [secret, doomed_secret] = [
        app.post("/v1/callback-secrets", &json!({})),
        app.post("/v1/callback-secrets", &json!({"label": "doomed"})),
    ];
    let secret = secret.send().await.assert(201).json();
    let doomed_secret = doomed_secret.send().await.assert(201).json();
    let [webhook, doomed_webhook] = [
        app.post(
            "/v1/webhooks",
            &json!({"url": receiver.url(), "name": "a", "event_types": ["run.completed"]}),
        ),
        app.post(
            "/v1/webhooks",
            &json!({"url": receiver.url(), "event_types": ["run.failed"]}),
        ),
    ];
    let webhook = webhook.send().await.assert(201).json();
    let doomed_webhook = doomed_webhook.send().await.assert(201).json();
    let run = app.post("/v1/models/runnel/echo/runs", &run);
    let run = run.send().await.assert(201).json();
    let batch = json!({
        "input": [{"text": "hi", "client_ref": "a"}], "metadata": {"a": 1}, "callback_url": receiver.url(),
    });
    let batch = app.post("/v1/models/runnel/echo/batches", &batch);
    let batch = batch.send().await.assert(201).json();
    app.run_jobs().await;
    let sent = app.get("/v1/webhooks/any/deliveries?limit=1").send().await;
    let sent = sent.assert(200).json()["items"][0].clone();
    let document = document(&app).await;
    for operation in operations(&document) {
        let request = |id: &Value| {
            let id = id.as_str().unwrap_or(UNKNOWN);
            operation.request(&app, id).key(app.key())
        };
        let (status, request) = match operation.id.as_str() {
            "assets.get" | "assets.change" => (200, request(&asset["id"])),
            "assets.restore" | "assets.sign" | "uploads.confirm" => (201, request(&asset["id"])),
            "assets.delete" => (204, request(&doomed["id"])),
            "assets.create" => (201, request(&Value::Null).file("a.png", "image/png", &png)),
            "folders.get" | "folders.change" => (200, request(&folder["id"])),
            "folders.delete" => (204, request(&empty["id"])),
            "folders.create" => (201, request(&Value::Null).json(&json!({"name": "new"}))),
            "runs.get" | "runs.logs" | "runs.callback" | "runs.events" | "runs.node_runs"
            | "runs.cancel" | "runs.cancel_admin" => (200, request(&run["id"])),
            "runs.rerun" | "runs.redeliver" => (201, request(&run["id"])),
            "batches.get" | "batches.items" | "batches.callback" | "batches.cancel" => {
                (200, request(&batch["id"]))
            }
            "batches.redeliver" => (201, request(&batch["id"])),
            "batches.create" => (201, request(&Value::Null).json(&json!({"input": [{}]}))),
            "callback_secrets.change" => (200, request(&secret["id"])),
            "callback_secrets.delete" => (204, request(&doomed_secret["id"])),
            "callback_secrets.create" => (201, request(&Value::Null).json(&json!({}))),
            "webhooks.get" | "webhooks.change" => (200, request(&webhook["id"])),
            "webhooks.test" => (201, request(&webhook["id"])),
            "webhooks.delete" => (204, request(&doomed_webhook["id"])),
            "webhooks.create" => (
                201,
                request(&Value::Null)
                    .json(&json!({"url": receiver.url(), "event_types": ["run.failed"]})),
            ),
            "webhooks.delivery" | "webhooks.attempts" => (200, request(&sent["id"])),
            "webhooks.redeliver" => (201, request(&sent["id"])),
            "webhooks.attempt" => {
                let id = sent["attempts"][0]["id"].as_str().unwrap();
                let path = operation
                    .path(id)
                    .replacen(id, sent["id"].as_str().unwrap(), 1);
                (200, Request::new("GET", &app.url(&path)).key(app.key()))
            }
            "runs.create" => (201, request(&Value::Null).json(&json!({"input": {}}))),
            "uploads.create" => (
                201,
                request(&Value::Null)
                    .json(&json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 9})),
            ),
            _ => (200, request(&Value::Null)),
        };
        let answer = request.send().await.assert(status);
        fits(&document, &operation, &answer);
        if !operation.is_open() {
            let refused = operation.request(&app, UNKNOWN).send().await;
            fits(&document, &operation, &refused.assert(401));
        }
    }
    app.run_jobs().await;
    app.stop().await;
}

/// Asserts that an answer is as the document says.
fn fits(document: &Value, operation: &Operation, answer: &Response) {
    let responses = &operation.document["responses"];
    let status = answer.status.to_string();
    let response = responses.get(&status).or(responses.get("default"));
    let response = response.unwrap_or_else(|| {
        panic!(
            "{} does not document its {status}: {responses}",
            operation.id
        )
    });
    if answer.status == 204 {
        assert!(
            response["content"].is_null(),
            "{}: {response}",
            operation.id
        );
        assert!(
            answer.body.is_empty(),
            "{}: {:?}",
            operation.id,
            answer.body
        );
        return;
    }
    if response["content"]["text/event-stream"].is_object() {
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert!(answer.body.starts_with(b"id: "), "{:?}", answer.body);
        return;
    }
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{}: {response}", operation.id);
    let value = answer.json();
    if let Err(wrong) = schema::check(document, schema, &value, "") {
        panic!("{} {status}: {wrong}\n{value}", operation.id);
    }
}
