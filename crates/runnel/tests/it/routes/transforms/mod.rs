//! Signed URLs of transforms: made on request, made once, gone with the asset.

mod busy;
mod made;
mod served;

use std::io::Cursor;
use std::path::PathBuf;

use runnel_media::{Budget, Picture, Want, decode, sample};
use runnel_testkit::{Request, Response, TestApp};
use serde_json::Value;

pub(super) fn id(asset: &Value) -> &str {
    asset["id"].as_str().unwrap()
}

pub(super) fn sign_request(app: &TestApp, asset: &Value, body: &Value) -> Request {
    app.post(&format!("/v1/assets/{}/urls", id(asset)), body)
}

pub(super) async fn sign(app: &TestApp, asset: &Value, body: &Value) -> Value {
    sign_request(app, asset, body)
        .send()
        .await
        .assert(201)
        .json()
}

pub(super) fn get(signed: &Value) -> Request {
    Request::new("GET", signed["url"].as_str().unwrap())
}

pub(super) fn pixels(answer: &Response) -> Picture {
    decode(
        &mut Cursor::new(&answer.body),
        Want::Full,
        &Budget::default(),
    )
    .unwrap()
}

/// The results of transforms in storage.
pub(super) fn results(app: &TestApp) -> Vec<PathBuf> {
    // What is a folder in a bucket is a part of the name on a disk.
    let is_result = |path: &PathBuf| {
        let mut parts = path.to_str().unwrap().split(['/', '+']);
        parts.any(|part| part == "transforms")
    };
    app.objects().into_iter().filter(is_result).collect()
}

pub(super) async fn photo(app: &TestApp) -> Value {
    app.asset("image/jpeg", &sample::noise_jpeg(300, 200)).await
}
