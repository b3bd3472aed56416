//! `/metrics`: what is counted, without a key and without a name.

use runnel_testkit::{Db, Receiver, Request, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(attempts_are_counted_and_nobody_is_named);

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
