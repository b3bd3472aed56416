//! Pages of other origins: those that are named may call, the others may not.

use runnel_media::sample;
use runnel_testkit::{Db, Process, Request, Response, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    a_page_of_a_named_origin_uploads_and_reads,
    nobodys_page_may_call_by_default,
);

const PAGE: &str = "https://app.example.com";

fn preflight(url: &str, origin: &str, method: &str, headers: &str) -> Request {
    Request::new("OPTIONS", url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
}

#[track_caller]
fn assert_allowed(response: &Response, origin: Option<&str>) {
    assert_eq!(response.header("access-control-allow-origin"), origin);
    // SPEC: media.md, "Conventions": every response carries it, once.
    assert_eq!(request_id(response).len(), 36);
}

#[track_caller]
fn request_id(response: &Response) -> &str {
    let headers = response.headers.iter();
    let ids: Vec<&str> = headers
        .filter(|(name, _)| name == "runflow-request-id")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(ids.len(), 1, "{:?}", response.headers);
    ids[0]
}

async fn a_page_of_a_named_origin_uploads_and_reads(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        settings.cors = "https://app.example.com:443, http://localhost:3000"
            .parse()
            .unwrap();
    })
    .await;
    let uploads = app.url("/v1/asset-uploads");
    let asked = preflight(
        &uploads,
        PAGE,
        "POST",
        "authorization,content-type,idempotency-key",
    );
    let asked = asked.send().await.assert(200);
    assert_allowed(&asked, Some(PAGE));
    let headers = asked.header("access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "idempotency-key"] {
        assert!(headers.contains(name), "{headers}");
    }
    assert_eq!(asked.header("access-control-max-age"), Some("3600"));
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let again = preflight(&uploads, PAGE, "POST", "").header("x-request-id", "mine");
    let again = again.send().await.assert(200);
    assert!(request_id(&asked) < request_id(&again), "ids ascend");
    assert_eq!(again.header("x-request-id"), Some("mine"));

    let png = sample::gradient_png(8, 8);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    let asked = preflight(&url, PAGE, "PUT", "content-type").send().await;
    let asked = asked.assert(200);
    assert_allowed(&asked, Some(PAGE));
    assert!(
        asked
            .header("access-control-allow-methods")
            .unwrap()
            .contains("PUT")
    );
    let put = Request::new("PUT", &url)
        .header("origin", PAGE)
        .header("content-type", "image/png")
        .body(png);
    let put = put.send().await.assert(200);
    assert_allowed(&put, Some(PAGE));
    let exposed = put.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("etag") && exposed.contains("runflow-request-id"));
    let asset = app.confirm(&id).await.assert(201).json();
    let read = Request::new("GET", asset["url"].as_str().unwrap()).header("origin", PAGE);
    assert_allowed(&read.send().await.assert(200), Some(PAGE));

    // A refusal can be read too, and another page gets no word.
    let refused = Request::new("GET", &app.url("/v1/assets")).header("origin", PAGE);
    let refused = refused.send().await;
    assert_allowed(&refused, Some(PAGE));
    refused.assert_error(401, "UNAUTHORIZED");
    for other in [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com.evil.net",
        "null",
    ] {
        let asked = preflight(&uploads, other, "POST", "authorization");
        assert_allowed(&asked.send().await, None);
        let read = app.get("/v1/assets").header("origin", other);
        assert_allowed(&read.send().await.assert(200), None);
    }
    app.stop().await;

    let open = TestApp::start_with(db, |settings| settings.cors = "*".parse().unwrap()).await;
    let made = open.post("/v1/asset-folders", &json!({"name": "a"}));
    let made = made.header("origin", "https://any.example").send().await;
    assert_allowed(&made.assert(201), Some("*"));
    open.stop().await;
}

async fn nobodys_page_may_call_by_default(db: Db) {
    let app = TestApp::start(db).await;
    let asked = preflight(&app.url("/v1/assets"), PAGE, "GET", "authorization");
    let asked = asked.send().await;
    assert_allowed(&asked, None);
    asked.assert_error(405, "METHOD_NOT_ALLOWED");
    app.stop().await;
}

#[test]
fn what_browsers_ask_is_logged_for_those_who_look_for_a_cause() {
    let data_dir = tempfile::tempdir().unwrap();
    let variables = [("RUNNEL_CORS_ORIGINS", PAGE), ("RUNNEL_LOG", "debug")];
    let server = Process::serve(env!("CARGO_BIN_EXE_runnel"), data_dir.path(), &variables);
    let url = server.url("/v1/health");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let [asked, read] = runtime.block_on(async {
        let asked = preflight(&url, PAGE, "GET", "").send().await.assert(200);
        let read = Request::new("GET", &url).header("origin", PAGE);
        [asked, read.send().await.assert(200)]
    });
    let (_, log) = server.terminate();
    for (answer, level, message) in [(asked, "DEBUG", " preflight "), (read, "INFO", " request ")] {
        let id = request_id(&answer);
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
        let is_told = |line: &&str| line.contains(level) && line.contains(message);
        assert!(lines.iter().any(is_told), "{id}: {lines:#?}");
    }
}

#[test]
fn what_is_no_origin_is_refused() {
    use runnel_api::Cors;
    for wrong in [
        "app.example.com",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "https://a.example,*",
        "file:///etc",
    ] {
        let error = wrong.parse::<Cors>().unwrap_err().to_string();
        assert!(error.contains("is no origin"), "{error}");
    }
    assert_eq!("".parse(), Ok(Cors::default()));
}
