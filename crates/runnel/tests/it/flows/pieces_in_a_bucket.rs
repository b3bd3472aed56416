//! Uploads whose bytes arrive in pieces, with the objects in a bucket.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, Storage, TestApp};
use serde_json::json;
use sha2::{Digest, Sha256};

const MIB: usize = 1024 * 1024;

async fn create(app: &TestApp, size_bytes: usize) -> (String, String) {
    let body = json!({
        "filename": "big.png", "mime_type": "image/png", "size_bytes": size_bytes, "resumable": true,
    });
    let session = app.post("/v1/asset-uploads", &body).send().await;
    let session = session.assert(201).json();
    let text = |field: &str| session[field].as_str().unwrap().to_owned();
    (text("asset_id"), text("upload_url"))
}

fn tus(method: &str, url: &str) -> Request {
    Request::new(method, url).header("tus-resumable", "1.0.0")
}

async fn patch(url: &str, offset: usize, bytes: &[u8]) -> u16 {
    let request = tus("PATCH", url)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", &offset.to_string());
    request.body(bytes).send().await.status
}

async fn offset(url: &str) -> usize {
    let head = tus("HEAD", url).send().await.assert(200);
    head.header("upload-offset").unwrap().parse().unwrap()
}

/// A PNG with noise behind its end.
fn png(size: usize) -> Vec<u8> {
    let mut bytes = sample::gradient_png(32, 32);
    bytes.extend((bytes.len()..size).map(|at| (at * at / 5) as u8));
    bytes
}

/// What the store keeps of uploads that were begun and neither ended nor
/// called off: files of its own, beside its buckets.
fn begun(app: &TestApp) -> usize {
    let folder = app.s3().folder();
    let root = folder.ancestors().nth(2).unwrap();
    let entries = std::fs::read_dir(root).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with(".upload"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_become_an_object_of_the_bucket_and_nothing_else() {
    let mut app = TestApp::start_on(Db::Sqlite, Storage::S3, |_| {}).await;
    // Whatever comes into the bucket is old by this clock.
    app.advance(Duration::from_hours(24 * 3650));
    let whole = png(27 * MIB + 5);
    let (id, mut url) = create(&app, whole.len()).await;
    // Not to the bucket: it knows nothing of pieces.
    assert!(url.starts_with(&app.url("/storage/")), "{url}");
    let mut at = 0;
    // Less than a part, exactly to its end, more than two, and the rest.
    for length in [
        5 * MIB,
        3 * MIB,
        17 * MIB + 1,
        1,
        whole.len() - 25 * MIB - 2,
    ] {
        assert_eq!(patch(&url, at, &whole[at..at + length]).await, 204);
        at += length;
        let rest = url.split_once("/storage/").unwrap().1.to_owned();
        app = app.restart().await;
        url = app.url(&format!("/storage/{rest}"));
        assert_eq!(offset(&url).await, at);
        assert_eq!(patch(&url, at + 1, b"x").await, 409);
        // Whoever tidies up meanwhile finds nothing to remove.
        app.run_jobs().await;
        let mut strays = Vec::new();
        let mut tell = |stray| strays.push(stray);
        let audited = app.services().audit_objects(true, &mut tell).await;
        assert_eq!(audited.unwrap().young, 0);
        assert_eq!(strays, []);
    }
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(&whole)));
    let kept = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await;
    assert!(kept.assert(200).body == whole);
    app.run_jobs().await;
    assert_eq!(app.s3().objects().len(), 2, "{:?}", app.s3().objects());
    assert_eq!(begun(&app), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_or_swept_leaves_the_bucket_as_it_was() {
    let app = TestApp::start_on(Db::Sqlite, Storage::S3, |_| {}).await;
    let whole = png(10 * MIB);
    for is_swept in [false, true] {
        let (_, url) = create(&app, whole.len()).await;
        assert_eq!(patch(&url, 0, &whole[..9 * MIB]).await, 204);
        assert!(begun(&app) > 0);
        if is_swept {
            app.advance(Duration::from_hours(49));
            app.run_jobs().await;
        } else {
            tus("DELETE", &url).send().await.assert(204);
            app.run_jobs().await;
        }
        assert_eq!(begun(&app), 0);
        assert_eq!(app.s3().objects().len(), 0, "{:?}", app.s3().objects());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_from_the_same_place_one_is_recorded() {
    let app = TestApp::start_on(Db::Postgres, Storage::S3, |_| {}).await;
    let whole = png(MIB);
    let (id, url) = create(&app, whole.len()).await;
    let sending: Vec<_> = (0..6)
        .map(|_| {
            let (url, whole) = (url.clone(), whole.clone());
            tokio::spawn(async move { patch(&url, 0, &whole).await })
        })
        .collect();
    let mut done = 0;
    for sent in sending {
        let status = sent.await.unwrap();
        assert!(matches!(status, 204 | 409 | 413 | 423), "{status}");
        done += usize::from(status == 204);
    }
    assert_eq!(done, 1);
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(&whole)));
    app.stop().await;
}
