//! A bucket that fails, is silent, hangs up or forgets: nothing half done, a
//! clear answer in bounded time, and asking again works.

use std::time::{Duration, Instant};

use runnel_blobs::{Blobs, Variables};
use runnel_media::sample;
use runnel_testkit::{Db, Mood, Request, S3Server, Storage, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    a_confirmation_waits_for_a_store_that_is_ill_and_works_when_it_is_well,
    a_one_step_upload_to_a_store_that_is_ill_makes_no_asset,
    a_run_on_an_object_that_is_lost_fails_with_a_reason,
    a_run_waits_for_a_store_that_is_away,
    an_engine_is_not_asked_without_end_for_what_cannot_be_stored,
);

/// The store may be silent for two seconds, and is asked twice.
const BOUND: Duration = Duration::from_secs(20);

async fn app(db: Db) -> TestApp {
    TestApp::start_on(db, Storage::S3, |_| {}).await
}

async fn a_confirmation_waits_for_a_store_that_is_ill_and_works_when_it_is_well(db: Db) {
    let app = app(db).await;
    for mood in [Mood::Failing, Mood::Silent, Mood::Dropping] {
        let id = app.upload("image/png", &sample::gradient_png(50, 50)).await;
        let before = app.objects();
        app.s3().set_mood(mood);
        let began = Instant::now();
        let error = app
            .confirm(&id)
            .await
            .assert_error(503, "SERVICE_UNAVAILABLE");
        assert!(began.elapsed() < BOUND, "{mood:?}: {:?}", began.elapsed());
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("object store does not answer"),
            "{message}"
        );
        assert!(!message.contains("127.0.0.1"), "no detail leaks: {message}");
        assert_eq!(app.objects(), before, "{mood:?}");
        let ready = app.get("/v1/readiness").send().await;
        assert_eq!(ready.status, 503, "{mood:?}");
        app.s3().set_mood(Mood::Well);
        app.confirm(&id).await.assert(201);
    }
    assert_eq!(app.get("/v1/readiness").send().await.status, 200);
    app.stop().await;
}

async fn a_one_step_upload_to_a_store_that_is_ill_makes_no_asset(db: Db) {
    let app = app(db).await;
    let send = || {
        let request = Request::new("POST", &app.url("/v1/assets")).key(app.key());
        request
            .file("a.png", "image/png", &sample::gradient_png(50, 50))
            .send()
    };
    app.s3().set_mood(Mood::Failing);
    send().await.assert_error(503, "SERVICE_UNAVAILABLE");
    app.s3().set_mood(Mood::Well);
    let list = app.get("/v1/assets").send().await.assert(200).json();
    assert_eq!(list["items"], json!([]));
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    send().await.assert(201);
    app.stop().await;
}

async fn a_run_on_an_object_that_is_lost_fails_with_a_reason(db: Db) {
    let app = app(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(64, 64)).await;
    for lost in app.objects() {
        std::fs::remove_file(lost).unwrap();
    }
    // The record stays; the store itself says that the bytes are gone.
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let read = app.get(&path).send().await.assert(200).json();
    Request::new("GET", read["url"].as_str().unwrap())
        .send()
        .await
        .assert(404);
    let run = app
        .post(
            "/v1/models/runflow/background-replace/runs",
            &json!({"input": {"asset_id": asset["id"], "prompt": "white studio"}}),
        )
        .send()
        .await
        .assert(201)
        .json();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    app.run_jobs().await;
    let ended = app.get(&path).send().await.assert(200).json();
    assert_eq!(ended["status_code"], "failed", "{ended}");
    assert_eq!(ended["failure_code"], "INPUT_FETCH_FAILED", "{ended}");
    assert_eq!(ended["failure_stage_code"], "preprocess");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(message.starts_with("asset_id: "), "{message}");
    assert!(message.contains("upload it again"), "{message}");
    app.stop().await;
}

/// Has a picture worked on; answers with the path of the run.
async fn run(app: &TestApp) -> String {
    let asset = app.asset("image/png", &sample::gradient_png(64, 64)).await;
    let body = json!({"input": {"asset_id": asset["id"]}});
    let run = app.post("/v1/models/runflow/background-removal/runs", &body);
    let run = run.send().await.assert(201).json();
    format!("/v1/runs/{}", run["id"].as_str().unwrap())
}

async fn a_run_waits_for_a_store_that_is_away(db: Db) {
    let app = app(db).await;
    let path = run(&app).await;
    app.s3().set_mood(Mood::Failing);
    // More often than a run is executed.
    for _ in 0..5 {
        assert_eq!(app.run_jobs().await, 1);
        let waiting = app.get(&path).send().await.assert(200).json();
        assert_eq!(waiting["status_code"], "queued");
        app.advance(Duration::from_secs(15));
    }
    app.s3().set_mood(Mood::Well);
    app.run_jobs().await;
    let ended = app.get(&path).send().await.assert(200).json();
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let log = app.get(&format!("{path}/logs")).send().await.assert(200);
    let first = &log.json()["items"][0]["message"];
    assert!(
        first
            .as_str()
            .unwrap()
            .starts_with("waiting: the server's object store"),
        "{first}"
    );
    app.stop().await;
}

/// Its work may cost: each of its executions counts.
async fn an_engine_is_not_asked_without_end_for_what_cannot_be_stored(db: Db) {
    let app = app(db).await;
    let path = run(&app).await;
    let read = async || app.get(&path).send().await.assert(200).json();
    // What the model reads is there; what it makes cannot be kept.
    app.s3().set_mood(Mood::Full);
    for attempt in 1..=3 {
        assert_eq!(app.run_jobs().await, 1, "attempt {attempt}");
        app.advance(Duration::from_secs(15));
        if attempt == 2 {
            // Nobody works while the store is known to be away, and nothing counts.
            app.s3().set_mood(Mood::Failing);
            for _ in 0..5 {
                assert_eq!(app.run_jobs().await, 1);
                assert_eq!(read().await["status_code"], "queued");
                app.advance(Duration::from_secs(15));
            }
            app.s3().set_mood(Mood::Full);
        }
    }
    let ended = read().await;
    assert_eq!(ended["status_code"], "failed", "{ended}");
    assert_eq!(ended["failure_code"], "WORKER_LOST");
    assert_eq!(ended["failure_stage_code"], "postprocess");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(message.contains("could not be stored"), "{message}");
    assert!(message.ends_with("(attempt 3 of 3)"), "{message}");
    app.s3().set_mood(Mood::Well);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_bucket_is_told_at_the_start() {
    let s3 = S3Server::start().await;
    let closed = "s3://media?endpoint=http://127.0.0.1:1&timeout=1".to_owned();
    let cases = [
        (
            s3.url_of("nothere"),
            s3.variables(),
            "no bucket \"nothere\"",
        ),
        (
            s3.storage_url(),
            S3Server::variables_with("wrong"),
            "check AWS_ACCESS_KEY_ID",
        ),
        (closed, s3.variables(), "127.0.0.1:1"),
        (
            s3.storage_url(),
            Variables::of([("AWS_ACCESS_KEY_ID".to_owned(), "x".to_owned())]),
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            s3.storage_url() + "&regoin=x",
            s3.variables(),
            "no option \"regoin\"",
        ),
    ];
    for (url, variables, words) in cases {
        let error = Blobs::open(&url, &variables).await.unwrap_err().to_string();
        assert!(error.contains(words), "{url}: {error}");
        assert!(!error.contains("a-secret"), "{error}");
    }
    assert!(s3.objects().is_empty());
}
