//! `/metrics`: what is counted, without a key and without a name.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Receiver, Request, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    attempts_are_counted_and_nobody_is_named,
    requests_are_counted_by_their_routes,
    assets_and_runs_are_counted_when_they_are_recorded,
    the_queue_is_counted_once_in_five_seconds,
);

const ECHO: &str = "/v1/models/runnel/echo/runs";
const COLOUR: &str = "/v1/models/runflow/background-color/runs";

async fn page(app: &TestApp) -> String {
    let page = app.get("/metrics").send().await.assert(200);
    String::from_utf8(page.body).unwrap()
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line}: {text}");
    }
}

async fn assets_and_runs_are_counted_when_they_are_recorded(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(40, 30);
    let asset = app.asset("image/png", &png).await;
    let named = asset["id"].as_str().unwrap();
    let escaped = png
        .iter()
        .fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let picture = format!("data:image/png,{escaped}");
    let input =
        json!({"image_url": picture, "color_red": 51, "color_green": 102, "color_blue": 255});
    let run = app.post(COLOUR, &json!({"input": input}));
    run.send().await.assert(201);
    app.advance(Duration::from_secs(2));
    app.run_jobs().await;
    let run = app.post(ECHO, &json!({"input": {"text": "hi"}}));
    let run = run.send().await.assert(201).json();
    let id = run["id"].as_str().unwrap().to_owned();
    let cancellation = app.post(&format!("/v1/runs/{id}/cancellation"), &json!({}));
    cancellation.send().await.assert(201);
    let text = page(&app).await;
    let bytes = format!(
        "runnel_asset_bytes_total{{source=\"upload\"}} {}",
        png.len()
    );
    assert_lines(
        &text,
        &[
            "runnel_assets_total{source=\"upload\"} 1",
            &bytes,
            "runnel_assets_total{source=\"inline\"} 1",
            "runnel_assets_total{source=\"run_output\"} 1",
            "runnel_runs_total{engine=\"builtin\",status=\"succeeded\"} 1",
            "runnel_runs_total{engine=\"builtin\",status=\"canceled\"} 1",
            "runnel_run_wait_seconds_sum 2.0",
            "runnel_run_wait_seconds_count 1",
            "runnel_run_duration_seconds_count{engine=\"builtin\"} 1",
        ],
    );
    for named in ["echo", "color", named, &id] {
        assert!(!text.contains(named), "{named}: {text}");
    }
    app.stop().await;
}

async fn the_queue_is_counted_once_in_five_seconds(db: Db) {
    let app = TestApp::start(db).await;
    let accept = || async {
        let run = app.post(ECHO, &json!({"input": {"text": "hi"}}));
        run.send().await.assert(201);
    };
    accept().await;
    assert_lines(
        &page(&app).await,
        &[
            "runnel_jobs{state=\"ready\"} 1",
            "runnel_jobs{state=\"deliverable\"} 0",
            "runnel_jobs{state=\"working\"} 0",
        ],
    );
    accept().await;
    app.advance(Duration::from_secs(4));
    assert_lines(&page(&app).await, &["runnel_jobs{state=\"ready\"} 1"]);
    app.advance(Duration::from_secs(1));
    assert_lines(&page(&app).await, &["runnel_jobs{state=\"ready\"} 2"]);
    app.run_jobs().await;
    app.advance(Duration::from_secs(5));
    assert_lines(&page(&app).await, &["runnel_jobs{state=\"ready\"} 0"]);
    app.stop().await;
}

async fn attempts_are_counted_and_nobody_is_named(db: Db) {
    let app = TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await;
    let receiver = Receiver::start(&[500, 410]).await;
    for _ in 0..3 {
        let body = json!({"input": {"text": "hi"}, "callback_url": receiver.url()});
        let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
        run.assert(201);
    }
    app.run_jobs().await;
    let url = app.url("/metrics");
    let page = Request::new("GET", &url).send().await.assert(200);
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = String::from_utf8(page.body).unwrap();
    for line in [
        "runnel_callback_attempts_total{outcome=\"succeeded\"} 1",
        "runnel_callback_attempts_total{outcome=\"retried\"} 1",
        "runnel_callback_attempts_total{outcome=\"failed\"} 1",
        "runnel_callback_attempt_duration_seconds_count 3",
        "runnel_callback_receivers{circuit=\"open\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
    app.stop().await;
}

async fn requests_are_counted_by_their_routes(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    let id = asset["id"].as_str().unwrap();
    app.get(&format!("/v1/assets/{id}"))
        .send()
        .await
        .assert(200);
    let other = "/v1/assets/0192f0c1-7aaa-7bbb-8ccc-0123456789ab";
    app.get(other).send().await.assert(404);
    let body = json!({"input": {}});
    let run = app.post("/v1/models/topaz/upscale/image/runs", &body);
    run.send().await.assert(404);
    for path in ["/absent/altogether", "/v1/absent"] {
        app.get(path).send().await.assert(404);
    }
    let odd = Request::new("BREW", &app.url("/v1/assets")).send().await;
    odd.assert(405);
    let page = app.get("/metrics").send().await.assert(200);
    let text = String::from_utf8(page.body).unwrap();
    for (method, route, status, count) in [
        ("POST", "/v1/asset-uploads", 201, 1),
        ("PUT", "/storage/{*key}", 200, 1),
        ("POST", "/v1/asset-uploads/{id}/confirmations", 201, 1),
        ("GET", "/v1/assets/{id}", 200, 1),
        ("GET", "/v1/assets/{id}", 404, 1),
        ("POST", "/v1/models/{owner}/{slug}/runs", 404, 1),
        ("GET", "none", 404, 2),
    ] {
        let line = format!(
            "runnel_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
        );
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let durations = "runnel_http_request_duration_seconds_count{route=\"/v1/assets/{id}\"} 2";
    assert!(text.lines().any(|found| found == durations), "{text}");
    // What a client sends makes no label.
    let odd = text.lines().find(|line| line.contains("status=\"405\""));
    assert!(odd.unwrap().contains("method=\"other\""), "{text}");
    for sent in [id, "BREW", "topaz", "absent"] {
        assert!(!text.contains(sent), "{sent}: {text}");
    }
    app.stop().await;
}
