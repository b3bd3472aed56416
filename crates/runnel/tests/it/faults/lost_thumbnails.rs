//! Thumbnails that a loss of power took, or left a part of: whoever fetches one gets
//! it whole.

use std::path::PathBuf;

use futures_util::future::join_all;
use runnel_testkit::{
    Db, Request, Response, Storage, TestApp, on_both_databases, samples, wait_until,
};
use runnel_types::{Asset, AssetId};
use serde_json::Value;

on_both_databases!(
    one_that_is_not_whole_is_drawn_again,
    many_who_ask_have_it_drawn_once,
    another_version_may_draw_it_otherwise,
    one_that_a_store_lost_is_drawn_again_where_the_server_sends_it,
    without_its_picture_it_stays_lost_and_that_is_told,
    what_a_program_drew_is_on_the_disk_before_its_asset_is,
);

async fn photo(app: &TestApp) -> Value {
    app.asset("image/jpeg", samples::of("image/jpeg")).await
}

async fn fetch(asset: &Value) -> Response {
    let url = asset["thumbnail_url"].as_str().unwrap();
    Request::new("GET", url).send().await
}

/// Where the one thumbnail lies.
fn thumbnail(app: &TestApp) -> PathBuf {
    let is_thumbnail = |path: &PathBuf| path.to_string_lossy().ends_with("thumbnail.webp");
    app.objects().into_iter().find(is_thumbnail).unwrap()
}

async fn row(app: &TestApp, asset: &Value) -> Asset {
    let id: AssetId = asset["id"].as_str().unwrap().parse().unwrap();
    let found = app.services().store.read().assets().get_for_url(id).await;
    found.unwrap().unwrap()
}

async fn one_that_is_not_whole_is_drawn_again(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let first = fetch(&asset).await.assert(200);
    let path = thumbnail(&app);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(first.body, whole);
    let torn = |from: usize| [&whole[..from], &vec![0; whole.len() - from]].concat();
    let left = [
        None,
        Some(Vec::new()),
        Some(whole[..whole.len() - 1].to_vec()),
        Some(torn(0)),
        Some(torn(whole.len() - 8)),
        Some([&whole[..], b"more"].concat()),
        Some(vec![7; 9 << 20]),
    ];
    for left in left {
        match &left {
            None => std::fs::remove_file(&path).unwrap(),
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        }
        let length = left.map(|bytes| bytes.len());
        let again = fetch(&asset).await.assert(200);
        assert_eq!(again.body, whole, "{length:?}");
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{length:?}");
    }
    std::fs::remove_file(&path).unwrap();
    let url = asset["thumbnail_url"].as_str().unwrap();
    let part = Request::new("GET", url).header("range", "bytes=4-7");
    assert_eq!(part.send().await.assert(206).body, whole[4..8]);
    std::fs::remove_file(&path).unwrap();
    let head = Request::new("HEAD", url).send().await.assert(200);
    assert_eq!(
        head.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn many_who_ask_have_it_drawn_once(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let whole = fetch(&asset).await.assert(200).body;
    std::fs::remove_file(thumbnail(&app)).unwrap();
    let services = app.services();
    let busy = services.pixel_slots.take_all_free();
    let asking = tokio::spawn({
        let asset = asset.clone();
        async move { join_all((0..20).map(|_| fetch(&asset))).await }
    });
    wait_until("all to wait", || async {
        (services.flights.waiting() == 20).then_some(())
    })
    .await;
    assert_eq!(services.flights.count(), 1);
    drop(busy);
    for answer in asking.await.unwrap() {
        assert_eq!(answer.assert(200).body, whole);
    }
    assert_eq!(services.flights.count(), 0);
    app.stop().await;
}

async fn another_version_may_draw_it_otherwise(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let first = fetch(&asset).await.assert(200);
    let before = row(&app, &asset).await;
    let drawn = before.thumbnail_crc32.unwrap();
    // As if a version had drawn it whose bytes these are not.
    let name = before.thumbnail_key.as_deref().unwrap();
    let mut tx = app.services().store.begin().await.unwrap();
    let mut assets = tx.assets();
    let other = assets.record_thumbnail_crc32(before.org_id, before.id, name, !drawn);
    assert!(other.await.unwrap());
    tx.commit().await.unwrap();
    std::fs::write(thumbnail(&app), b"RIFF").unwrap();
    let again = fetch(&asset).await.assert(200);
    assert_eq!(again.body, first.body);
    assert_eq!(row(&app, &asset).await, before, "the row fits again");
    assert_eq!(again.header("etag"), first.header("etag"));
    app.stop().await;
}

async fn one_that_a_store_lost_is_drawn_again_where_the_server_sends_it(db: Db) {
    let app = TestApp::start_on(db, Storage::S3Served, |_| {}).await;
    let asset = photo(&app).await;
    let whole = fetch(&asset).await.assert(200).body;
    std::fs::remove_file(thumbnail(&app)).unwrap();
    assert_eq!(fetch(&asset).await.assert(200).body, whole);
    assert_eq!(std::fs::read(thumbnail(&app)).unwrap(), whole);
    app.stop().await;
}

async fn without_its_picture_it_stays_lost_and_that_is_told(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let path = thumbnail(&app);
    let picture = app.object(asset["r2_key"].as_str().unwrap());
    let kept = std::fs::read(&picture).unwrap();
    std::fs::write(&path, b"").unwrap();
    std::fs::write(&picture, &kept[..40]).unwrap();
    fetch(&asset).await.assert(500);
    std::fs::remove_file(&picture).unwrap();
    fetch(&asset).await.assert(500);
    // What comes back from a backup is enough.
    std::fs::write(&picture, kept).unwrap();
    assert!(fetch(&asset).await.assert(200).body.starts_with(b"RIFF"));
    app.stop().await;
}

async fn what_a_program_drew_is_on_the_disk_before_its_asset_is(db: Db) {
    let app = TestApp::start(db).await;
    for mime_type in ["video/mp4", "image/heic"] {
        let asset = app.asset(mime_type, samples::of(mime_type)).await;
        assert_eq!(row(&app, &asset).await.thumbnail_crc32, None, "{mime_type}");
        fetch(&asset).await.assert(200);
    }
    let png = app.asset("image/png", samples::of("image/png")).await;
    assert!(row(&app, &png).await.thumbnail_crc32.is_some());
    app.stop().await;
}
