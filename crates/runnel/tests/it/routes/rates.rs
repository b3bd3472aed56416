//! Rate limits: none by default; over one, 429 and when to ask again.

use std::num::NonZeroU32;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    an_organization_has_its_requests_a_minute,
    without_a_limit_nothing_is_told,
    a_refused_request_uses_up_no_key,
    whoever_is_still_sending_reads_the_refusal,
);

const NAMES: [&str; 4] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "retry-after",
];

async fn limited(db: Db, limit: u32) -> TestApp {
    TestApp::start_with(db, |settings| settings.rate_limit = NonZeroU32::new(limit)).await
}

/// What the headers say: limit, rest, when the rest is whole in seconds from the
/// clock's, and the seconds to wait.
fn told(app: &TestApp, response: &Response) -> [Option<i64>; 4] {
    let mut told = NAMES.map(|name| response.header(name).map(|value| value.parse().unwrap()));
    told[2] = told[2].map(|at| at - app.services().now().as_seconds());
    told
}

async fn an_organization_has_its_requests_a_minute(db: Db) {
    let app = limited(db, 3).await;
    let ask = || app.get("/v1/assets");
    for (rest, whole_in) in [(2, 20), (1, 40), (0, 60)] {
        let told = told(&app, &ask().send().await.assert(200));
        assert_eq!(told, [Some(3), Some(rest), Some(whole_in), None]);
    }
    let refused = ask().send().await;
    let headers = told(&app, &refused);
    assert_eq!(headers, [Some(3), Some(0), Some(60), Some(20)]);
    assert_eq!(
        refused.assert_error(429, "RATE_LIMITED")["message"],
        "this organization may make 3 requests a minute here; ask again in 20 s"
    );
    // Every key of it, on every path, errors too.
    let other = app.key_with(&[]).await;
    for (method, path) in [("GET", "/v1/runs/x"), ("POST", "/v1/asset-uploads")] {
        let asked = Request::new(method, &app.url(path)).key(&other);
        asked.send().await.assert_error(429, "RATE_LIMITED");
    }
    // Nobody else's, and nothing that takes no key.
    let foreign = app.foreign_key().await;
    let asked = Request::new("GET", &app.url("/v1/assets")).key(&foreign);
    assert_eq!(
        told(&app, &asked.send().await.assert(200)),
        [Some(3), Some(2), Some(20), None]
    );
    let health = Request::new("GET", &app.url("/v1/health"));
    assert_eq!(told(&app, &health.send().await.assert(200)), [None; 4]);
    let unknown = Request::new("GET", &app.url("/v1/assets")).key("rf_live_nobody");
    let unknown = unknown.send().await;
    assert_eq!(told(&app, &unknown), [None; 4]);
    unknown.assert_error(401, "UNAUTHORIZED");

    app.advance(Duration::from_millis(19_999));
    ask().send().await.assert_error(429, "RATE_LIMITED");
    app.advance(Duration::from_millis(1));
    ask().send().await.assert(200);
    ask().send().await.assert_error(429, "RATE_LIMITED");
    app.stop().await;
}

async fn without_a_limit_nothing_is_told(db: Db) {
    let app = TestApp::start(db).await;
    let listed = app.get("/v1/assets").send().await.assert(200);
    assert_eq!(told(&app, &listed), [None; 4]);
    app.stop().await;
}

async fn a_refused_request_uses_up_no_key(db: Db) {
    let app = limited(db, 2).await;
    let png = sample::gradient_png(4, 4);
    let body = json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": png.len()});
    let create = || {
        let request = app.post("/v1/asset-uploads", &body);
        request.header("idempotency-key", "one")
    };
    app.get("/v1/assets").send().await.assert(200);
    let made = create().send().await.assert(201);
    assert_eq!(
        told(&app, &made)[1],
        Some(0),
        "a request with a key counts once"
    );
    // The bytes themselves are not counted: their URL is the permission.
    let url = made.json()["upload_url"].as_str().unwrap().to_owned();
    let put = Request::new("PUT", &url).header("content-type", "image/png");
    put.body(png).send().await.assert(200);
    let again = || app.post("/v1/asset-folders", &json!({"name": "shoes"}));
    let again = || again().header("idempotency-key", "two");
    let refused = again().send().await;
    assert_eq!(told(&app, &refused)[3], Some(30));
    refused.assert_error(429, "RATE_LIMITED");
    app.advance(Duration::from_secs(30));
    let done = again().send().await.assert(201);
    assert_eq!(done.header("idempotent-replayed"), None);
    // An answer that is given again is an answer.
    app.advance(Duration::from_secs(30));
    let replayed = create().send().await.assert(201);
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    assert_eq!(told(&app, &replayed)[1], Some(0));
    app.stop().await;
}

async fn whoever_is_still_sending_reads_the_refusal(db: Db) {
    let app = limited(db, 1).await;
    app.get("/v1/assets").send().await.assert(200);
    let large = vec![b'x'; 8 << 20];
    for key in [None, Some("one")] {
        let form = Request::new("POST", &app.url("/v1/assets")).key(app.key());
        let form = form.file("a.png", "image/png", &large);
        let json = Request::new("POST", &app.url("/v1/models/runnel/echo/runs")).key(app.key());
        let json = json.header("content-type", "application/json");
        for request in [form, json.body(large.clone())] {
            let request = match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            };
            let refused = request.send().await;
            assert_eq!(told(&app, &refused)[3], Some(60));
            refused.assert_error(429, "RATE_LIMITED");
        }
    }
    app.stop().await;
}
