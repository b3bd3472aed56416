//! The models that ship, on real photos: what they make is looked at pixel by
//! pixel, and every input is tried just inside and just outside.

mod bundles;
mod isolation;
mod replacement;
mod resize;
mod upscale;

use std::io::Cursor;

use runnel_media::{Budget, Picture, Want, decode};
use runnel_testkit::{Request, TestApp};
use serde_json::{Value, json};

/// One of the photos that ship with the source.
fn photo(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/../../photos/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

fn decoded(bytes: &[u8]) -> Picture {
    decode(&mut Cursor::new(bytes), Want::Full, &Budget::default()).unwrap()
}

/// The id of an asset that holds one of the photos.
async fn uploaded(app: &TestApp, name: &str) -> Value {
    let kind = match name.rsplit_once('.') {
        Some((_, "png")) => "image/png",
        _ => "image/jpeg",
    };
    app.asset(kind, &photo(name)).await["id"].clone()
}

/// Runs a model to its end.
async fn run(app: &TestApp, model: &str, input: Value) -> Value {
    let path = format!("/v1/models/runflow/{model}/runs");
    let body = json!({"input": input});
    let run = app.post(&path, &body).send().await.assert(201).json();
    app.run_jobs().await;
    let id = run["id"].as_str().unwrap();
    app.get(&format!("/v1/runs/{id}"))
        .send()
        .await
        .assert(200)
        .json()
}

/// The picture that a run made, and the levels and messages of its log.
async fn made(app: &TestApp, model: &str, input: Value) -> (Picture, String) {
    let run = run(app, model, input).await;
    assert_eq!(run["status_code"], "succeeded", "{run}");
    let urls = run["output"]["image_urls"].as_array().unwrap();
    assert_eq!(urls.len(), 1);
    let answer = Request::new("GET", urls[0].as_str().unwrap())
        .send()
        .await
        .assert(200);
    assert_eq!(answer.header("content-type"), Some("image/png"));
    let path = format!("/v1/runs/{}/logs", run["id"].as_str().unwrap());
    let logs = app.get(&path).send().await.assert(200).json();
    let lines = logs["items"].as_array().unwrap().iter().map(|line| {
        let told = |field: &str| line[field].as_str().unwrap().to_owned();
        format!("{} {}\n", told("level"), told("message"))
    });
    (decoded(&answer.body), lines.collect())
}

/// A run that is refused before it is made: the field at fault.
async fn refused(app: &TestApp, model: &str, input: Value) -> (String, String) {
    let path = format!("/v1/models/runflow/{model}/runs");
    let error = app
        .post(&path, &json!({"input": input}))
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    let told = |name: &str| error["errors"][0][name].as_str().unwrap().to_owned();
    (told("field"), told("msg"))
}

/// A run that fails because of its input: what is told.
async fn failed(app: &TestApp, model: &str, input: Value) -> String {
    let run = run(app, model, input).await;
    assert_eq!(run["status_code"], "failed", "{run}");
    assert_eq!(run["failure_code"], "INPUT_VALIDATION_FAILED", "{run}");
    assert_eq!(run["failure_stage_code"], "preprocess", "{run}");
    run["failure_message"].as_str().unwrap().to_owned()
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let bytes = picture.channels().count();
    let at = x as usize * bytes;
    let row = picture.row(y);
    [row[at], row[at + 1], row[at + 2]]
}

/// The box (left, top, right, bottom) of what `is_wanted`.
fn found(picture: &Picture, is_wanted: impl Fn([u8; 3]) -> bool) -> (u32, u32, u32, u32) {
    let mut bounds = (u32::MAX, u32::MAX, 0, 0);
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            if is_wanted(pixel(picture, x, y)) {
                bounds = (
                    bounds.0.min(x),
                    bounds.1.min(y),
                    bounds.2.max(x + 1),
                    bounds.3.max(y + 1),
                );
            }
        }
    }
    bounds
}

/// The mean colour of a part of a picture.
fn mean(picture: &Picture, (left, top, right, bottom): (u32, u32, u32, u32)) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for y in top..bottom {
        for x in left..right {
            for (sum, value) in sum.iter_mut().zip(pixel(picture, x, y)) {
                *sum += f64::from(value);
            }
        }
    }
    let count = f64::from(right - left) * f64::from(bottom - top);
    sum.map(|sum| sum / count)
}

/// The ratio of signal to noise between two pictures of one size, in decibels.
fn likeness(one: &Picture, other: &Picture) -> f64 {
    assert_eq!(
        (one.width(), one.height(), one.channels()),
        (other.width(), other.height(), other.channels())
    );
    let pairs = one.pixels().iter().zip(other.pixels());
    let squares: f64 = pairs
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (65025.0 * one.pixels().len() as f64 / squares.max(1e-9)).log10()
}
