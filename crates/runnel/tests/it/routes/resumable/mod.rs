//! Uploads whose bytes arrive in pieces, by the tus protocol.

mod at_once;
mod requests;
mod sessions;

use runnel_media::sample;
use runnel_testkit::{Request, Response, TestApp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const APPENDED: &str = "application/offset+octet-stream";

/// A PNG of at least `size` bytes: what follows its end belongs to nobody.
fn png(size: usize) -> Vec<u8> {
    let mut bytes = sample::gradient_png(8, 8);
    assert!(
        bytes.len() < size,
        "a PNG of {} bytes is the least",
        bytes.len()
    );
    bytes.extend((bytes.len()..size).map(|at| (at * at / 5) as u8));
    bytes
}

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

fn patch(url: &str, offset: usize, bytes: &[u8]) -> Request {
    tus("PATCH", url)
        .header("content-type", APPENDED)
        .header("upload-offset", &offset.to_string())
        .body(bytes)
}

#[track_caller]
fn offset_of(response: &Response) -> usize {
    assert_eq!(response.header("tus-resumable"), Some("1.0.0"));
    response.header("upload-offset").unwrap().parse().unwrap()
}

async fn offset(url: &str) -> usize {
    let head = tus("HEAD", url).send().await.assert(200);
    assert_eq!(head.header("cache-control"), Some("no-store"));
    offset_of(&head)
}

async fn assert_asset(app: &TestApp, id: &str, bytes: &[u8]) -> Value {
    let asset = app.confirm(id).await.assert(201).json();
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(bytes)));
    let url = asset["url"].as_str().unwrap();
    let kept = Request::new("GET", url).send().await.assert(200).body;
    assert!(kept == bytes, "{} bytes came back", kept.len());
    asset
}
