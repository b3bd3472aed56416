//! Bytes that are no sound HTTP, and paths that lead nowhere good: each is
//! answered or hung up on at once, and the server goes on.

use std::collections::BTreeSet;

use runnel_testkit::{Db, Request, TestApp, on_both_databases, send_raw};
use serde_json::json;

on_both_databases!(
    broken_requests_are_refused_and_harm_nobody,
    paths_that_lead_nowhere_are_answered_in_the_envelope,
    names_in_paths_that_are_no_text_are_answered_in_the_envelope,
    headers_of_callers_come_back_harmless,
);

async fn is_well(app: &TestApp) {
    Request::new("GET", &app.url("/v1/readiness"))
        .send()
        .await
        .assert(200);
}

async fn broken_requests_are_refused_and_harm_nobody(db: Db) {
    let app = TestApp::start(db).await;
    let base_url = app.url("");
    let post = "POST /v1/asset-uploads HTTP/1.1\r\nhost: x\r\n";
    let many = "x-one-of-many: 1\r\n".repeat(300);
    let cases = [
        "\r\n\r\n\r\n".to_owned(),
        "GET".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000)),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
            "x".repeat(100_000)
        ),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
        format!("{post}content-length: -1\r\n\r\n"),
        format!("{post}content-length: 99999999999999999999999\r\n\r\n"),
        format!("{post}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        format!("{post}transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"),
        format!("{post}content-length: 5\r\n\r\n"),
        format!("{post}bad header\r\n\r\n"),
        format!("{post}x: a\0b\r\n\r\n"),
    ];
    for case in &cases {
        let answer = send_raw(&base_url, case.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or("none");
        let shown: String = case.chars().take(80).collect();
        assert!(
            answer.is_empty() || status.starts_with('4'),
            "{shown:?} was answered with {answer}"
        );
    }
    is_well(&app).await;
    assert!(app.objects().is_empty());
    app.stop().await;
}

async fn paths_that_lead_nowhere_are_answered_in_the_envelope(db: Db) {
    let app = TestApp::start(db).await;
    for path in [
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v2/runs",
        "/v1/runs/",
        "/v1//runs",
        "/V1/runs",
        "/v1/runs/../runs",
        "/v1/%72uns2",
        "/v1/%ff",
        "/v1/%00",
        "/v1/runs/018f4e1a-0000-7000-8000-000000000001/nothing",
        "/etc/passwd",
        "/.env",
        "/storage",
        "/console",
        "/metrics/",
    ] {
        let error = app.get(path).send().await.assert_error(404, "NOT_FOUND");
        assert!(error["errors"].is_null(), "{path}: {error}");
    }
    for model in [
        "x/y",
        "runnel/none",
        "runnel/echo/more",
        "runflow/..",
        "runflow/./background-removal",
        "%2e%2e/%2e%2e",
        "runnel%2Fecho/x",
        "runnel/echo%00",
        "RUNNEL/ECHO",
        &"a".repeat(3000),
    ] {
        let path = if model.contains('/') {
            format!("/v1/models/{model}/runs")
        } else {
            format!("/v1/models/x/{model}/runs")
        };
        let error = app.post(&path, &json!({"input": {}})).send().await;
        let error = error.assert_error(404, "MODEL_NOT_FOUND");
        assert!(
            error["message"].as_str().unwrap().len() < 1000,
            "{model}: {error}"
        );
    }
    let bare = app
        .post("/v1/models/runnel/echo", &json!({"input": {}}))
        .send()
        .await;
    bare.assert_error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

/// The names of a path, such as `id` of `/v1/runs/{id}`.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The path with `bad` at `name` and something sound everywhere else.
fn with_bad(path: &str, name: &str, bad: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        _ if part == format!("{{{name}}}") => bad,
        "{owner}" => "runnel",
        "{slug}" => "echo",
        "{webhook_id}" => "any",
        _ if part.starts_with('{') => "018f4e1a-0000-7000-8000-000000000001",
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Asserts that a path is refused in the envelope, and that `name` is told.
async fn is_refused(app: &TestApp, method: &str, path: &str, name: &str) {
    let request = Request::new(method, &app.url(path)).key(app.key());
    let answer = request.json(&json!({})).send().await;
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/json"), "{method} {path}");
    if answer.status == 422 {
        // SPEC: media.md, "Ids": what is no UUID is 422.
        let error = answer.assert_error(422, "VALIDATION_ERROR");
        let loc = &error["errors"][0]["loc"];
        assert_eq!(loc, &json!(["path", name]), "{method} {path}");
        return;
    }
    let error = answer.assert_error(400, "BAD_REQUEST");
    let message = error["message"].as_str().unwrap();
    let told = format!("the {name} in the path holds bytes that are no UTF-8");
    assert!(message.starts_with(&told), "{method} {path}: {message}");
}

async fn names_in_paths_that_are_no_text_are_answered_in_the_envelope(db: Db) {
    let app = TestApp::start(db).await;
    let document = Request::new("GET", &app.url("/v1/openapi.json"));
    let document = document.send().await.assert(200).json();
    let mut asked = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().iter();
        let operations = methods.filter(|(_, about)| about.get("operationId").is_some());
        for (method, _) in operations {
            for name in names(path) {
                asked.insert(name);
                // A lone byte, a letter cut off, a slash in too many bytes.
                for bad in ["%FF", "a%C3", "%C0%AF"] {
                    let path = with_bad(path, name, bad);
                    is_refused(&app, &method.to_uppercase(), &path, name).await;
                }
            }
        }
    }
    let all = [
        "code",
        "delivery_id",
        "id",
        "name",
        "owner",
        "slug",
        "webhook_id",
    ];
    assert!(asked.iter().eq(&all), "{asked:?}");
    for below in ["", "/runs", "/batches"] {
        let method = if below.is_empty() { "GET" } else { "POST" };
        let path = format!("/v1/models/topaz/upscale/%FF/image{below}");
        is_refused(&app, method, &path, "slug").await;
    }
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
        let storage = Request::new(method, &app.url("/storage/%FF?signature=%FF"));
        let refused = storage.send().await;
        assert_eq!(refused.header("content-type"), Some("application/json"));
        assert!(refused.json()["code"].is_string(), "{method}");
    }
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn headers_of_callers_come_back_harmless(db: Db) {
    let app = TestApp::start(db).await;
    let ask = |id: &str| app.get("/v1/runs").header("x-request-id", id);
    let whole = "x".repeat(255);
    for id in ["mine", "a b", &whole] {
        let answer = ask(id).send().await.assert(200);
        assert_eq!(answer.header("x-request-id"), Some(id));
        assert_ne!(answer.header("runflow-request-id"), Some(id));
    }
    let long = ask(&"x".repeat(256)).send().await.assert(200);
    assert_eq!(long.header("x-request-id"), None, "nobody's log is filled");
    let first = app.get("/v1/runs").send().await.assert(200);
    let second = app.get("/v1/runs").send().await.assert(200);
    let id =
        |answer: &runnel_testkit::Response| answer.header("runflow-request-id").unwrap().to_owned();
    assert!(id(&first) < id(&second), "ids of requests ascend");
    assert_eq!(&id(&first)[14..15], "7", "{}", id(&first));
    is_well(&app).await;
    app.stop().await;
}
