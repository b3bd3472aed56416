//! A bucket that is ill while objects are to go: they go when it is well again.

use std::path::PathBuf;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Mood, Request, Storage, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    bytes_of_a_purged_asset_go_when_the_store_is_well,
    an_upload_that_nobody_confirmed_goes_with_its_bytes,
    what_was_stored_for_nothing_goes_later,
    what_was_sent_goes_after_its_confirmation,
);

const DAY: Duration = Duration::from_hours(24);

async fn app(db: Db) -> TestApp {
    TestApp::start_on(db, Storage::S3, |_| {}).await
}

/// How many jobs wait, when they are due or later.
async fn waiting(app: &TestApp) -> i64 {
    let services = app.services();
    let later = services.now().plus(DAY * 365);
    let all = services.store.read().jobs().count_due(later).await;
    // Three come again for ever.
    all.unwrap() - 3
}

async fn bytes_of_a_purged_asset_go_when_the_store_is_well(db: Db) {
    for mood in [Mood::Keeping, Mood::Failing] {
        let app = app(db).await;
        let asset = app.asset("image/png", &sample::gradient_png(50, 50)).await;
        let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
        app.delete(&path).send().await.assert(204);
        app.advance(DAY * 8);
        app.s3().set_mood(mood);
        app.run_jobs().await;
        assert_eq!(
            app.objects().len(),
            2,
            "{mood:?}: a picture and a thumbnail"
        );
        assert_eq!(waiting(&app).await, 1);
        let gone = app.post(&format!("{path}/restorations"), &json!({}));
        gone.send().await.assert_error(404, "ASSET_NOT_FOUND");
        // Not at once, and not for ever.
        assert_eq!(app.run_jobs().await, 0);
        app.s3().set_mood(Mood::Well);
        let app = app.restart().await;
        app.advance(Duration::from_secs(5));
        app.run_jobs().await;
        assert!(app.objects().is_empty(), "{:?}", app.objects());
        assert_eq!(waiting(&app).await, 0);
        app.stop().await;
    }
}

async fn an_upload_that_nobody_confirmed_goes_with_its_bytes(db: Db) {
    let app = app(db).await;
    app.upload("image/png", &sample::gradient_png(50, 50)).await;
    let body =
        json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 9, "resumable": true});
    let made = app
        .post("/v1/asset-uploads", &body)
        .send()
        .await
        .assert(201);
    let url = made.json()["upload_url"].as_str().unwrap().to_owned();
    let tus = |method: &str| Request::new(method, &url).header("tus-resumable", "1.0.0");
    let begun = tus("POST").header("upload-length", "9");
    begun.send().await.assert(201);
    let piece = tus("PATCH").header("upload-offset", "0");
    let piece = piece.header("content-type", "application/offset+octet-stream");
    piece.body(b"12345".to_vec()).send().await.assert(204);
    // And one that a crash left behind, which no row names.
    let objects = app.objects();
    let is_piece = |path: &&PathBuf| path.to_str().unwrap().contains("/resumable/");
    let piece = objects.iter().find(is_piece).unwrap();
    let lost = "018f4e1a-0000-7000-8000-000000000001";
    std::fs::copy(piece, piece.with_file_name(lost)).unwrap();
    assert_eq!(app.objects().len(), 3);
    app.s3().set_mood(Mood::Keeping);
    // One is given up by its client, the other one is swept.
    tus("DELETE").send().await.assert(204);
    tus("HEAD").send().await.assert(404);
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 3);
    app.advance(DAY * 3);
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 3);
    assert_eq!(waiting(&app).await, 2);
    app.s3().set_mood(Mood::Well);
    app.advance(Duration::from_hours(1));
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

async fn what_was_stored_for_nothing_goes_later(db: Db) {
    let app = app(db).await;
    app.s3().set_mood(Mood::Keeping);
    let form = Request::new("POST", &app.url("/v1/assets")).key(app.key());
    let script = b"<script>alert(1)</script>".to_vec();
    let refused = form.file("a.png", "image/png", &script).send().await;
    refused.assert_error(422, "VALIDATION_ERROR");
    let id = app.upload("image/png", &script).await;
    let refused = app.confirm(&id).await;
    refused.assert_error(422, "VALIDATION_ERROR");
    let left = app.objects().len();
    assert!(left > 0);
    app.s3().set_mood(Mood::Well);
    app.advance(Duration::from_secs(5));
    app.run_jobs().await;
    // Where the client may send better bytes they stay until the session goes.
    assert_eq!(app.objects().len(), 1, "{:?}", app.objects());
    app.advance(DAY * 3);
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

async fn what_was_sent_goes_after_its_confirmation(db: Db) {
    let app = app(db).await;
    app.s3().set_mood(Mood::Keeping);
    let asset = app.asset("image/png", &sample::gradient_png(50, 50)).await;
    assert_eq!(
        app.objects().len(),
        3,
        "what was sent, its copy, a thumbnail"
    );
    app.s3().set_mood(Mood::Well);
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    let got = Request::new("GET", asset["url"].as_str().unwrap());
    got.send().await.assert(200);
    app.stop().await;
}
