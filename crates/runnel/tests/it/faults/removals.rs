//! A bucket that is ill while objects are to go: they go when it is well again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use runnel_engines::Product;
use runnel_engines::engine::OutputContent;
use runnel_media::sample;
use runnel_testkit::{Db, Mood, Puppet, Request, Storage, TestApp, on_both_databases, wait_until};
use serde_json::json;

on_both_databases!(
    bytes_of_a_purged_asset_go_when_the_store_is_well,
    an_upload_that_nobody_confirmed_goes_with_its_bytes,
    what_was_stored_for_nothing_goes_later,
    what_was_sent_goes_after_its_confirmation,
    a_silent_store_is_waited_for_once_for_all_files_of_a_run,
    what_cannot_be_removed_is_given_up_after_a_week,
);

const DAY: Duration = Duration::from_hours(24);

/// How long a run with a silent store may take, by any clock.
const BOUND: Duration = Duration::from_secs(20);

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
    assert_eq!(app.run_jobs().await, 0, "not at once");
    app.s3().set_mood(Mood::Well);
    app.advance(Duration::from_secs(5));
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    let got = Request::new("GET", asset["url"].as_str().unwrap());
    got.send().await.assert(200);
    app.stop().await;
}

async fn a_silent_store_is_waited_for_once_for_all_files_of_a_run(db: Db) {
    let app = app(db).await;
    let puppet = Puppet::new();
    app.add_model(puppet.entry(|_| {}));
    let body = json!({"input": {"text": "x"}});
    app.post(Puppet::RUNS, &body).send().await.assert(201);
    let png = sample::gradient_png(40, 30);
    let (last, sent) = tokio::sync::oneshot::channel();
    let steps = async {
        let call = puppet.call().await;
        let rest = stream::once(async { Ok(Bytes::from(sent.await.unwrap_or_default())) });
        let mut files: Vec<_> = (0..6)
            .map(|n| (format!("{n}.png"), OutputContent::Bytes(png.clone())))
            .collect();
        files.push(("last.png".to_owned(), OutputContent::Stream(rest.boxed())));
        call.answer(Ok(Product::of_files("made", files)));
        wait_until("six pictures to be stored", || async {
            (app.objects().len() == 12).then_some(())
        })
        .await;
        app.s3().set_mood(Mood::Silent);
        last.send(png.clone()).unwrap();
        Instant::now()
    };
    let began = tokio::join!(app.run_jobs(), steps).1;
    // A request to this store may take four seconds. One was to store the last
    // file and one to remove the first.
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(waiting(&app).await, 12 + 1, "each object, and the run");
    app.s3().set_mood(Mood::Well);
    app.advance(Duration::from_mins(1));
    tokio::join!(app.run_jobs(), async { puppet.call().await.succeed() });
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

async fn what_cannot_be_removed_is_given_up_after_a_week(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(50, 50)).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    app.delete(&path).send().await.assert(204);
    // No folder can be emptied where a file is.
    let folder = app.objects()[0].ancestors().nth(2).unwrap().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    app.advance(DAY * 8);
    app.run_jobs().await;
    assert_eq!(waiting(&app).await, 1);
    let mut hours = 0;
    while waiting(&app).await > 0 {
        app.advance(Duration::from_hours(1));
        app.run_jobs().await;
        hours += 1;
        assert!(hours < 24 * 14, "it ends");
    }
    assert!(hours > 24 * 7, "a week is not over after {hours} h");
    assert_eq!(std::fs::read(&folder).unwrap(), b"in the way");
    app.stop().await;
}
