//! Thumbnails that come later: drawn by a job, whatever dies meanwhile, and
//! never more than once.

use std::time::Duration;

use runnel_domain::assets::Programs;
use runnel_domain::jobs::Claimed;
use runnel_domain::runs::Lease;
use runnel_domain::thumbnails::Derivation;
use runnel_testkit::{
    Db, Process, Request, Storage, TestApp, on_both_databases, samples, wait_until,
};
use runnel_types::Job;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

on_both_databases!(
    a_slow_thumbnail_comes_later,
    a_worker_that_died_is_followed_by_another,
    a_worker_that_comes_late_leaves_nothing,
    an_asset_deleted_meanwhile_gets_none_until_it_is_restored,
    what_cannot_be_drawn_stays_without_and_ends,
    a_missing_program_is_given_some_time,
    films_wait_their_turn_without_being_lost,
    busy_programs_hold_up_no_picture_and_films_only_so_long,
);

/// A lease; any length will do, for the clock is the test's.
const LEASE: Duration = Duration::from_secs(10);

/// A server whose confirmations wait for no film at all.
async fn start(db: Db) -> TestApp {
    start_on(db, Storage::Disk).await
}

async fn start_on(db: Db, storage: Storage) -> TestApp {
    TestApp::start_in(db, storage, |_, environment| {
        environment.thumbnail_wait = Duration::ZERO;
    })
    .await
}

async fn film(app: &TestApp) -> Value {
    app.asset("video/mp4", samples::of("video/mp4")).await
}

async fn read(app: &TestApp, asset: &Value) -> Value {
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    app.get(&path).send().await.assert(200).json()
}

async fn claim(app: &TestApp, worker: &str) -> Option<Claimed> {
    let claimed = app.services().claim_jobs(1, worker, LEASE).await;
    claimed.unwrap().pop()
}

async fn derive(app: &TestApp, worker: &str, claimed: &Claimed) -> Derivation {
    let Job::DeriveThumbnail { org_id, asset_id } = claimed.job else {
        panic!("{claimed:?} draws nothing");
    };
    let lease = Lease {
        job_id: claimed.id,
        worker: worker.to_owned(),
        attempt: claimed.attempt,
    };
    let stop = CancellationToken::new();
    let services = app.services();
    services
        .derive_thumbnail(org_id, asset_id, &lease, &stop)
        .await
        .unwrap()
}

async fn a_slow_thumbnail_comes_later(db: Db) {
    for storage in [Storage::Disk, Storage::S3] {
        let app = start_on(db, storage).await;
        a_slow_thumbnail_comes_later_on(&app).await;
        app.stop().await;
    }
}

async fn a_slow_thumbnail_comes_later_on(app: &TestApp) {
    for (what, has_sides) in [("video/webm", true), ("application/pdf", false)] {
        let asset = app.asset(what, samples::of(what)).await;
        assert!(asset["thumbnail_url"].is_null() && asset["blurhash"].is_null());
        assert_eq!(
            asset["width"].is_null(),
            !has_sides,
            "what is quick is there"
        );
        // Asked again before it is there, the answer is the same asset.
        let again = app.confirm(asset["id"].as_str().unwrap()).await;
        assert_eq!(again.assert(201).json()["id"], asset["id"]);
        app.advance(Duration::from_secs(1));
        assert_eq!(app.run_jobs().await, 1, "one job for one asset");
        let later = read(app, &asset).await;
        let url = later["thumbnail_url"].as_str().unwrap();
        let drawn = Request::new("GET", url).send().await.assert(200);
        assert!(drawn.body.starts_with(b"RIFF"));
        assert_eq!(later["blurhash"].as_str().map(str::len), Some(28));
        assert_ne!(later["updated_at"], asset["updated_at"]);
        assert_eq!(later["sha256"], asset["sha256"]);
    }
    // A picture is waited for.
    let picture = app.asset("image/heic", samples::of("image/heic")).await;
    assert!(!picture["thumbnail_url"].is_null());
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(app.objects().len(), 6);
}

async fn a_worker_that_died_is_followed_by_another(db: Db) {
    let app = start(db).await;
    let asset = film(&app).await;
    claim(&app, "dead").await.unwrap();
    let app = app.restart().await;
    assert_eq!(app.run_jobs().await, 0, "the lease is not over");
    app.advance(LEASE + Duration::from_millis(1));
    assert_eq!(app.run_jobs().await, 1);
    assert!(!read(&app, &asset).await["thumbnail_url"].is_null());
    // Those whose workers keep dying end.
    let second = film(&app).await;
    for attempt in 1..=3 {
        let claimed = claim(&app, &format!("dead-{attempt}")).await.unwrap();
        assert_eq!(claimed.attempt, attempt);
        app.advance(LEASE + Duration::from_millis(1));
    }
    assert_eq!(app.run_jobs().await, 1);
    app.advance(Duration::from_hours(1));
    assert_eq!(app.run_jobs().await, 0, "it is not tried for ever");
    assert!(read(&app, &second).await["thumbnail_url"].is_null());
    app.stop().await;
}

async fn a_worker_that_comes_late_leaves_nothing(db: Db) {
    let app = start(db).await;
    let asset = film(&app).await;
    let late = claim(&app, "late").await.unwrap();
    app.advance(LEASE + Duration::from_millis(1));
    let second = claim(&app, "second").await.unwrap();
    assert_eq!((late.id, second.attempt), (second.id, 2));
    // The first one ends after its lease is another's: nothing of it stays.
    derive(&app, "late", &late).await;
    assert_eq!(app.objects().len(), 1, "{:?}", app.objects());
    assert!(read(&app, &asset).await["thumbnail_url"].is_null());
    let recorded = derive(&app, "second", &second).await;
    assert_eq!(recorded, Derivation::Recorded);
    let ended = read(&app, &asset).await;
    assert!(!ended["thumbnail_url"].is_null());
    assert_eq!(app.objects().len(), 2);
    // After the end there is nothing left to do.
    assert_eq!(derive(&app, "late", &late).await, Derivation::Stale);
    assert_eq!(app.objects().len(), 2);
    app.advance(LEASE * 2);
    assert_eq!(app.run_jobs().await, 0);
    assert_eq!(read(&app, &asset).await["blurhash"], ended["blurhash"]);
    app.stop().await;
}

async fn an_asset_deleted_meanwhile_gets_none_until_it_is_restored(db: Db) {
    let app = start(db).await;
    let asset = film(&app).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    app.delete(&path).send().await.assert(204);
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(app.objects().len(), 1, "{:?}", app.objects());
    let restored = app.post(&format!("{path}/restorations"), &json!({}));
    let restored = restored.send().await.assert(201).json();
    assert!(restored["thumbnail_url"].is_null());
    assert_eq!(app.run_jobs().await, 1);
    assert!(!read(&app, &asset).await["thumbnail_url"].is_null());
    app.stop().await;
}

async fn what_cannot_be_drawn_stays_without_and_ends(db: Db) {
    let app = start(db).await;
    let locked = app.asset("application/pdf", &samples::pdf(true)).await;
    assert_eq!(locked["asset_type"], "document");
    assert_eq!(app.run_jobs().await, 1);
    app.advance(Duration::from_hours(1));
    assert_eq!(app.run_jobs().await, 0, "a locked file stays locked");
    assert!(read(&app, &locked).await["thumbnail_url"].is_null());
    assert_eq!(app.objects().len(), 1);
    app.stop().await;

    // The same when it is found out at once.
    let app = TestApp::start(db).await;
    let locked = app.asset("application/pdf", &samples::pdf(true)).await;
    assert!(locked["thumbnail_url"].is_null());
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn a_missing_program_is_given_some_time(db: Db) {
    let app = TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.thumbnail_wait = Duration::ZERO;
        environment.programs = Programs::in_folders(["/nonexistent"]);
    })
    .await;
    let page = app
        .asset("application/pdf", samples::of("application/pdf"))
        .await;
    for done in [1, 1, 1, 0] {
        assert_eq!(app.run_jobs().await, done);
        assert_eq!(app.run_jobs().await, 0, "the next try is not due yet");
        app.advance(Duration::from_mins(1));
    }
    assert!(read(&app, &page).await["thumbnail_url"].is_null());
    app.stop().await;
}

async fn busy_programs_hold_up_no_picture_and_films_only_so_long(db: Db) {
    let app = TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.thumbnail_wait = Duration::from_millis(50);
    })
    .await;
    let services = app.services();
    let frames = services.frame_slots.take_all_free();
    let asset = film(&app).await;
    assert!(asset["thumbnail_url"].is_null());
    assert_eq!(asset["width"], samples::SIDES.0);
    let programs = services.program_slots.take_all_free();
    let picture = app.asset("image/png", samples::of("image/png")).await;
    assert!(picture["thumbnail_url"].is_string());
    drop((frames, programs));
    assert_eq!(app.run_jobs().await, 1);
    assert!(read(&app, &asset).await["thumbnail_url"].is_string());
    app.stop().await;
}

async fn films_wait_their_turn_without_being_lost(db: Db) {
    let app = start(db).await;
    let films = [film(&app).await, film(&app).await, film(&app).await];
    let busy = app.services().frame_slots.take_all_free();
    // Taken and given back, over and over: none of that counts as an attempt.
    for _ in 0..5 {
        assert_eq!(app.run_jobs().await, 3);
        app.advance(Duration::from_mins(1));
    }
    drop(busy);
    assert_eq!(app.run_jobs().await, 3);
    for film in &films {
        assert!(!read(&app, film).await["thumbnail_url"].is_null());
    }
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_confirms_a_film_the_next_server_has_the_thumbnail() {
    const KEY: &str = "rf_live_0123456789abcdefghijFILM";
    let folder = tempfile::tempdir().unwrap();
    let serve = || {
        Process::serve(
            env!("CARGO_BIN_EXE_runnel"),
            &folder.path().join("data"),
            &[("RUNNEL_BOOTSTRAP_API_KEY", KEY), ("RUNNEL_LOG", "error")],
        )
    };
    let post = |server: &Process, path: &str, body: &Value| {
        Request::new("POST", &server.url(path)).key(KEY).json(body)
    };
    let film = samples::of("video/mp4");
    let mut server = serve();
    let body = json!({"filename": "a.mp4", "mime_type": "video/mp4", "size_bytes": film.len()});
    let session = post(&server, "/v1/asset-uploads", &body).send().await;
    let session = session.assert(201).json();
    let put = Request::new("PUT", session["upload_url"].as_str().unwrap());
    let put = put.header("content-type", "video/mp4").body(film);
    put.send().await.assert(200);
    let id = session["asset_id"].as_str().unwrap();
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let begun = post(&server, &path, &json!({})).begin(0).await;
    server.kill();
    drop(begun);

    // Answered or not, there is one asset, and its thumbnail comes.
    let server = serve();
    let asset = post(&server, &path, &json!({})).send().await;
    assert_eq!(asset.assert(201).json()["id"], id);
    let asset = server.url(&format!("/v1/assets/{id}"));
    wait_until("the thumbnail", || async {
        let read = Request::new("GET", &asset).key(KEY).send().await;
        let read = read.assert(200).json();
        read["thumbnail_url"].is_string().then_some(())
    })
    .await;
}
