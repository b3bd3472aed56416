//! The clouds of Microsoft and Google when they refuse or are away: a clear
//! answer in bounded time, and nothing half done.

use std::time::{Duration, Instant};

use runnel_blobs::{Blobs, Variables};
use runnel_media::sample;
use runnel_testkit::{AzureServer, Db, GoogleServer, Mood, Request, Storage, TestApp};
use serde_json::json;

/// The store may be silent for two seconds, and is asked twice.
const BOUND: Duration = Duration::from_secs(20);

async fn refusal(url: &str, variables: &Variables) -> String {
    let began = Instant::now();
    let error = Blobs::open(url, variables).await.unwrap_err().to_string();
    assert!(began.elapsed() < BOUND, "{url}: {:?}", began.elapsed());
    assert!(!error.contains('<'), "no markup: {error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_container_is_told_at_the_start() {
    let azure = AzureServer::start().await;
    let ours = Variables::of(azure.credentials());
    let other_key = Variables::of(AzureServer::credentials_with("bm90IHRoZSBrZXk="));
    let no_key = Variables::of(AzureServer::credentials_with("not the key"));
    let closed = "az://media?endpoint=http://127.0.0.1:1/devstoreaccount1&timeout=1".to_owned();
    let cases = [
        (
            azure.url_of("nothere"),
            &ours,
            "no container \"nothere\"; create it",
        ),
        (
            azure.url_of("NOT_A_NAME"),
            &ours,
            "no container \"NOT_A_NAME\"",
        ),
        (
            azure.storage_url(),
            &other_key,
            "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        ),
        (azure.storage_url(), &no_key, "AZURE_STORAGE_ACCOUNT_KEY"),
        (closed, &ours, "127.0.0.1:1"),
        (
            azure.storage_url(),
            &Variables::default(),
            "AZURE_STORAGE_ACCOUNT_NAME",
        ),
    ];
    for (url, variables, words) in cases {
        let error = refusal(&url, variables).await;
        assert!(error.contains(words), "{url}: {error}");
    }
    assert!(azure.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_is_away_is_told_at_once_and_nothing_is_half_done() {
    let azure = AzureServer::alone().await;
    let app = TestApp::start_with(Db::Sqlite, |settings| {
        settings.storage_url = Some(azure.storage_url());
        settings.storage_variables = Variables::of(azure.credentials());
    })
    .await;
    let png = sample::gradient_png(50, 50);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    let put = Request::new("PUT", &url).header("content-type", "image/png");
    let put = put.body(png.as_slice());
    put.clone().send().await.assert(200);
    assert_eq!(app.get("/v1/readiness").send().await.status, 200);
    drop(azure);
    let began = Instant::now();
    let error = app
        .confirm(&id)
        .await
        .assert_error(503, "SERVICE_UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("object store does not answer"),
        "{message}"
    );
    assert!(!message.contains("127.0.0.1"), "no detail leaks: {message}");
    put.send().await.assert_error(503, "SERVICE_UNAVAILABLE");
    assert!(began.elapsed() < 2 * BOUND, "{:?}", began.elapsed());
    assert_eq!(app.get("/v1/readiness").send().await.status, 503);
    let list = app.get("/v1/assets").send().await.assert(200).json();
    assert_eq!(list["items"], json!([]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_bucket_of_google_is_told_at_the_start() {
    let google = GoogleServer::start().await;
    let ours = google.variables();
    let key =
        |text: &str| Variables::of([("GOOGLE_SERVICE_ACCOUNT_KEY".to_owned(), text.to_owned())]);
    let closed = "gs://media?endpoint=http://127.0.0.1:1&timeout=1".to_owned();
    let no_file = (
        "GOOGLE_APPLICATION_CREDENTIALS".to_owned(),
        "/nothere.json".to_owned(),
    );
    let cases = [
        (
            google.url_of("nothere"),
            ours.clone(),
            "no bucket \"nothere\"; create it",
        ),
        (
            google.storage_url(),
            Variables::of(GoogleServer::foreign_credentials()),
            "check GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            google.storage_url(),
            key("{}"),
            "credentials come from GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            google.storage_url(),
            Variables::of([no_file]),
            "/nothere.json",
        ),
        (closed, ours, "127.0.0.1:1"),
    ];
    for (url, variables, words) in cases {
        let error = refusal(&url, &variables).await;
        assert!(error.contains(words), "{url}: {error}");
        assert!(!error.contains("PRIVATE KEY"), "{error}");
    }
    assert!(google.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_waits_for_google_to_be_well_again() {
    let app = TestApp::start_on(Db::Sqlite, Storage::Google, |_| {}).await;
    for mood in [Mood::Failing, Mood::Dropping] {
        let id = app.upload("image/png", &sample::gradient_png(50, 50)).await;
        let before = app.objects();
        app.google().set_mood(mood);
        let began = Instant::now();
        let error = app.confirm(&id).await;
        let error = error.assert_error(503, "SERVICE_UNAVAILABLE");
        assert!(began.elapsed() < BOUND, "{mood:?}: {:?}", began.elapsed());
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("object store does not answer"),
            "{message}"
        );
        assert_eq!(app.objects(), before, "{mood:?}");
        assert_eq!(
            app.get("/v1/readiness").send().await.status,
            503,
            "{mood:?}"
        );
        app.google().set_mood(Mood::Well);
        app.confirm(&id).await.assert(201);
    }
    app.stop().await;
}
