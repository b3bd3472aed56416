//! The engine against a remote that answers as the tests say. Against a Runnel
//! it is tested with the product.

use std::sync::atomic::{AtomicUsize, Ordering};

use runnel_types::LogLevel;
use serde_json::{Value, json};

use crate::engine::{EngineErrorKind, InputContent, Report};
use crate::remote::stub::{Answer, Seen, Stub, bytes, engine, told, with_file, work};

const RUN: &str = "00000000-0000-0000-0000-000000000007";

fn settings(stub: &Stub) -> String {
    format!("url = \"{}\"\napi_key = \"rf_live_x\"", stub.url)
}

fn record(status: &str) -> Value {
    json!({"id": "r1", "status_code": status, "output": null, "progress": null})
}

fn done(output: &Value) -> Value {
    json!({"id": "r1", "status_code": "succeeded", "output": output})
}

#[tokio::test]
async fn files_are_uploaded_and_the_run_is_created_once_and_followed() {
    let stub = Stub::start(|seen| {
        let host = seen
            .head
            .split("host: ")
            .nth(1)
            .unwrap()
            .split("\r\n")
            .next()
            .unwrap();
        let upload = format!("http://{host}/storage/put?sig=1");
        let events = concat!(
            "event: status\ndata: {\"status_code\":\"running\"}\n\n: ping\n\n",
            "event: progress\ndata: {\"progress\":0.5}\n\n",
            "event: log\ndata: {\"level\":\"warning\",\"message\":\"dark\"}\n\n",
            "event: status\ndata: {\"status_code\":\"succeeded\"}\n\n"
        );
        match &*format!("{} {}", seen.method, seen.path) {
            "POST /v1/asset-uploads" => {
                Answer::json(201, &json!({"asset_id": "a1", "upload_url": upload}))
            }
            "PUT /storage/put?sig=1" => Answer::new(200, "", ""),
            "POST /v1/asset-uploads/a1/confirmations" => Answer::json(201, &json!({"id": "a1"})),
            "POST /v1/models/acme/it/runs" => Answer::json(201, &record("queued")),
            "GET /v1/runs/r1/events" => {
                Answer::new(200, "content-type: text/event-stream\r\n", events)
            }
            "GET /v1/runs/r1" => {
                Answer::json(200, &done(&json!({"image_urls": ["data:,hi"], "n": 1})))
            }
            _ => Answer::new(404, "", ""),
        }
    })
    .await;
    let (work, mut reports) = work(&json!({"image_url": "runflow://assets/mine", "k": 1}));
    let work = with_file(work, "image_url", InputContent::Bytes(b"hi".to_vec()));
    let product = engine("runflow", &settings(&stub))
        .execute(work)
        .await
        .unwrap();
    assert_eq!(json!(product.output), json!({"image_urls": [null], "n": 1}));
    assert_eq!(bytes(product).await.unwrap(), [b"hi"]);
    let log = Report::Log(LogLevel::Warning, "dark".to_owned());
    assert_eq!(told(&mut reports), [Report::Progress(0.5), log]);

    let seen = stub.seen();
    assert_eq!(
        seen[0].json(),
        json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 2})
    );
    assert!(seen[0].head.contains("authorization: bearer rf_live_x"));
    let put = &seen[1];
    assert!(put.head.contains("content-type: image/png") && put.body == b"hi");
    assert!(
        !put.head.contains("authorization"),
        "the URL alone opens the door"
    );
    let create = &seen[3];
    assert!(
        create.head.contains(&format!("idempotency-key: {RUN}-1")),
        "{}",
        create.head
    );
    assert_eq!(
        create.json(),
        json!({"input": {"image_url": "runflow://assets/a1", "k": 1}, "client_ref": RUN})
    );
}

#[tokio::test]
async fn files_may_go_as_urls_and_the_model_by_another_name() {
    let stub = Stub::start(|_| Answer::json(201, &done(&json!({})))).await;
    let settings = format!(
        "{}\nfiles = \"url\"\nremote_model = \"other/one\"",
        settings(&stub)
    );
    let (work, _) = work(&json!({"asset_id": "x", "style_asset_id": "y"}));
    let url = |url: &str| InputContent::Url(url.to_owned());
    let work = with_file(work, "asset_id", url("http://me/1"));
    let work = with_file(work, "style_asset_id", url("http://me/2"));
    engine("runflow", &settings).execute(work).await.unwrap();
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/v1/models/other/one/runs");
    let input = json!({"image_url": "http://me/1", "style_url": "http://me/2"});
    assert_eq!(seen.json()["input"], input);
}

#[tokio::test]
async fn a_request_that_was_lost_is_sent_again_with_the_same_key() {
    let count = AtomicUsize::new(0);
    let stub = Stub::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::raw(&b""[..]),
        _ => Answer::json(201, &done(&json!({"n": 1}))),
    })
    .await;
    engine("runflow", &settings(&stub))
        .execute(work(&json!({})).0)
        .await
        .unwrap();
    let seen = stub.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (&seen[0].head, &seen[0].body),
        (&seen[1].head, &seen[1].body)
    );
}

#[tokio::test]
async fn an_execution_after_a_dead_one_waits_for_the_run_that_is_there() {
    for (status, created) in [
        ("running", 0),
        ("succeeded", 0),
        ("failed", 1),
        ("no such list", 1),
    ] {
        let stub = Stub::start(move |seen| {
            let found = json!({"items": [record(status)]});
            match (&*seen.method, &*seen.path) {
                ("GET", path) if path.starts_with("/v1/runs?") => match status {
                    "no such list" => Answer::new(400, "", ""),
                    _ => Answer::json(200, &found),
                },
                ("GET", "/v1/runs/r1") => Answer::json(200, &done(&json!({}))),
                ("POST", "/v1/models/acme/it/runs") => Answer::json(201, &done(&json!({}))),
                _ => Answer::new(404, "", ""),
            }
        })
        .await;
        let (mut work, _) = work(&json!({}));
        work.attempt = 2;
        engine("runflow", &settings(&stub))
            .execute(work)
            .await
            .unwrap();
        let asked = stub.asked();
        assert!(
            asked[0].contains("client_ref.EQ:") && asked[0].contains(RUN),
            "{asked:?}"
        );
        let posts = asked.iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(posts, created, "{status}: {asked:?}");
    }
}

#[tokio::test]
async fn failures_there_are_failures_here() {
    use EngineErrorKind::{Busy, Failed, InvalidInput, OutputInvalid, Unavailable};
    let failed = |code: &str| {
        let mut run = record("failed");
        run["failure_code"] = code.into();
        run["failure_message"] = "too dark".into();
        Answer::json(201, &run)
    };
    let fault = |status, code: &str, message: &str| {
        Answer::json(
            status,
            &json!({"code": code, "message": message, "errors": null}),
        )
    };
    for (answer, kind, passing, words) in [
        (
            failed("INPUT_VALIDATION_FAILED"),
            InvalidInput,
            false,
            "too dark",
        ),
        (
            failed("INPUT_FETCH_FAILED"),
            InvalidInput,
            false,
            "too dark",
        ),
        (failed("ENGINE_ERROR"), Failed, false, "ENGINE_ERROR"),
        (failed("ENGINE_UNAVAILABLE"), Unavailable, true, "too dark"),
        (failed("TIMEOUT"), Failed, false, "TIMEOUT"),
        (failed("OUTPUT_INVALID"), OutputInvalid, false, "too dark"),
        (failed("WORKER_LOST"), Failed, true, "too dark"),
        (
            Answer::json(201, &record("canceled")),
            Failed,
            false,
            "cancelled on",
        ),
        (
            Answer::json(201, &record("odd")),
            OutputInvalid,
            false,
            "odd",
        ),
        (
            Answer::json(201, &json!({"x": 1})),
            OutputInvalid,
            false,
            "no run",
        ),
        (
            Answer::new(200, "content-type: text/html\r\n", "<html>"),
            OutputInvalid,
            false,
            "web page",
        ),
        (
            fault(401, "UNAUTHORIZED", "no key"),
            Failed,
            false,
            "no key",
        ),
        (
            fault(404, "MODEL_NOT_FOUND", "no such model"),
            Failed,
            false,
            "no such model",
        ),
        (
            fault(422, "VALIDATION_ERROR", "prompt is required"),
            InvalidInput,
            false,
            "prompt is required",
        ),
        (
            fault(429, "RATE_LIMITED", "too many"),
            Busy,
            true,
            "too many",
        ),
        (
            fault(503, "MODEL_UNAVAILABLE", "away"),
            Unavailable,
            true,
            "away",
        ),
    ] {
        let shown = format!("{answer:?}");
        let stub = Stub::start(move |_| answer.clone()).await;
        let error = engine("runflow", &settings(&stub))
            .execute(work(&json!({})).0)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.is_passing),
            (kind, passing),
            "{shown}: {error}"
        );
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn without_events_the_run_is_asked_for_through_short_absences() {
    let count = AtomicUsize::new(0);
    let stub = Stub::start(move |seen| match (&*seen.method, &*seen.path) {
        ("POST", _) => Answer::json(201, &record("queued")),
        (_, "/v1/runs/r1") => match count.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let mut run = record("running");
                run["progress"] = json!(0.25);
                Answer::json(200, &run)
            }
            1 => Answer::new(502, "", ""),
            _ => Answer::json(200, &done(&json!({}))),
        },
        _ => Answer::new(404, "", ""),
    })
    .await;
    let (work, mut reports) = work(&json!({}));
    engine("runflow", &settings(&stub))
        .execute(work)
        .await
        .unwrap();
    assert_eq!(told(&mut reports), [Report::Progress(0.25)]);
}

fn cancelling(seen: &Seen, is_created: bool) -> Answer {
    match (&*seen.method, &*seen.path) {
        ("POST", "/v1/models/acme/it/runs") if is_created => Answer::json(201, &record("queued")),
        ("POST", "/v1/runs/r1/cancellation") => Answer::json(201, &record("canceled")),
        ("GET", path) if path.starts_with("/v1/runs?") => {
            Answer::json(200, &json!({"items": [record("queued")]}))
        }
        ("GET", "/v1/runs/r1/events") => Answer::new(404, "", ""),
        _ => Answer::raw(&b""[..]).then_silence(),
    }
}

#[tokio::test]
async fn a_run_that_is_called_off_is_called_off_there_even_when_its_id_never_came() {
    for is_created in [true, false] {
        let stub = Stub::start(move |seen| cancelling(seen, is_created)).await;
        let engine = engine("runflow", &settings(&stub));
        let asked = if is_created {
            "GET /v1/runs/r1"
        } else {
            "POST"
        };
        stub.call_off(engine, asked).await;
        let last = stub.asked().pop().unwrap();
        assert_eq!(last, "POST /v1/runs/r1/cancellation");
    }
}
