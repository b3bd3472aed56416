//! JSON that is small on the wire and large in memory, and what only looks so.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};

on_both_databases!(
    very_many_values_are_refused_before_they_take_memory,
    what_holds_no_files_is_small,
    notes_of_the_largest_size_are_taken_whatever_they_hold,
    nobody_waits_for_another_organization_that_is_slow_to_send,
    files_within_inputs_are_taken_however_many_come_at_once,
);

const FOLDERS: &str = "/v1/asset-folders";
const RUNS: &str = "/v1/models/runnel/echo/runs";
const REMOVAL: &str = "/v1/models/runflow/background-removal/runs";

/// A list of as many `part`s as fit into `size` bytes.
fn list_of(part: &str, size: usize) -> Vec<u8> {
    let parts = part.repeat((size - 2) / part.len());
    format!("[{}]", parts.trim_end_matches(',')).into_bytes()
}

async fn very_many_values_are_refused_before_they_take_memory(db: Db) {
    let app = TestApp::start(db).await;
    let (small, large) = (1000 * 1024, 10 * 1024 * 1024);
    // A hundred maps in each other: the parser takes no more than 128.
    let deep = format!("{}0{},", "{\"\":".repeat(100), "}".repeat(100));
    let cases = [
        (FOLDERS, list_of("{\"\":0},", small)),
        (FOLDERS, list_of(&deep, small)),
        (FOLDERS, list_of("{\"\\\"\":0},", small)),
        (RUNS, list_of("{\"\":0},", large)),
        (RUNS, list_of(&deep, large)),
        (RUNS, list_of("[0],", large)),
        (RUNS, list_of("0,", large)),
        (RUNS, list_of("\"a\",", large)),
        // Wrong only at its end, which is never reached.
        (
            RUNS,
            [list_of("{\"\":0},", large - 9), b"}".to_vec()].concat(),
        ),
    ];
    for (number, (path, body)) in cases.iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..20]).into_owned();
        let post = || {
            Request::new("POST", &app.url(path))
                .key(app.key())
                .header("content-type", "application/json")
        };
        for request in [
            post().body(&body[..]),
            post()
                .header("idempotency-key", &number.to_string())
                .body(&body[..]),
            post().chunked(&body[..]),
        ] {
            let error = request.send().await;
            let error = error.assert_error(422, "VALIDATION_ERROR");
            assert_eq!(error["errors"][0]["type"], "too_many_values", "{shown}");
            assert_eq!(error["errors"][0]["loc"], json!(["body"]), "{shown}");
        }
    }
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn what_holds_no_files_is_small(db: Db) {
    let app = TestApp::start(db).await;
    let named = |length: usize| {
        let name = format!("{{\"name\": \"a\", \"x\": \"{}\"}}", "x".repeat(length));
        Request::new("POST", &app.url(FOLDERS))
            .key(app.key())
            .header("content-type", "application/json")
            .body(name.into_bytes())
    };
    // Unknown fields are passed over, as long as they are.
    named(1023 * 1024).send().await.assert(201);
    for request in [
        named(1024 * 1024),
        named(1024 * 1024).header("idempotency-key", "one"),
    ] {
        let error = request.send().await;
        let error = error.assert_error(413, "PAYLOAD_TOO_LARGE");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("1 MiB"), "{message}");
    }
    app.stop().await;
}

async fn notes_of_the_largest_size_are_taken_whatever_they_hold(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(8, 8)).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let many = |part: &str| {
        let list: Value = serde_json::from_slice(&list_of(part, 100_000)).unwrap();
        json!({"a": list})
    };
    // The most that there can be of them, in and beside each other.
    let deep = format!("{}0{},", "{\"\":".repeat(100), "}".repeat(100));
    for notes in [
        many("{\"\":0},"),
        many("0,"),
        many("{},"),
        many("[],"),
        many(&deep),
        // Marks within a text are text, and so is what ends it and does not.
        json!({"a": "{[,:".repeat(25_000)}),
        json!({"a": "\\\"{".repeat(15_000)}),
        json!({"a": "ф".repeat(50_000)}),
        json!({"a": "a".repeat(100_000)}),
    ] {
        let body = json!({"metadata": notes}).to_string();
        for body in [escaped(&body), body] {
            let change = Request::new("PATCH", &app.url(&path)).key(app.key());
            let change = change.header("content-type", "application/json");
            let changed = change.body(body).send().await.assert(200).json();
            assert!(changed["metadata"] == notes, "the notes are others");
        }
    }
    app.stop().await;
}

/// The same JSON with every letter in its longest form, six bytes each; in Python
/// that is the form of all that is not ASCII.
fn escaped(json: &str) -> String {
    let mut escaped = String::new();
    for letter in json.chars() {
        if letter.is_alphabetic() {
            let _ = write!(escaped, "\\u{:04x}", letter as u32);
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

async fn nobody_waits_for_another_organization_that_is_slow_to_send(db: Db) {
    const MIB: usize = 1024 * 1024;
    let app = TestApp::start(db).await;
    let post = |key: &str| {
        Request::new("POST", &app.url(RUNS))
            .key(key)
            .header("content-type", "application/json")
    };
    // More than there is room for, were it all theirs, and no end of any.
    let mut begun = Vec::new();
    for _ in 0..7 {
        let slow = post(app.key()).body(vec![b' '; 10 * MIB]);
        begun.push(slow.begin(300_000).await);
    }
    let memory = &app.services().body_memory.arriving;
    let left = memory.bytes() - 30 * MIB as u64;
    let held = || async { (memory.free() == left).then_some(()) };
    wait_until("three of them to have room", held).await;
    let input = json!({"input": {"text": "a"}, "x": "x".repeat(200_000)});
    let quick = post(&app.foreign_key().await).chunked(input.to_string());
    quick.send().await.assert(201);
    assert_eq!(memory.free(), left, "the slow ones have theirs still");
    drop(begun);
    let whole = || async { (memory.free() == memory.bytes()).then_some(()) };
    wait_until("what they had to be given back", whole).await;
    app.stop().await;
}

async fn files_within_inputs_are_taken_however_many_come_at_once(db: Db) {
    let app = TestApp::start(db).await;
    // What follows the end of a PNG belongs to nobody.
    let run_on = |size: usize| {
        let mut png = sample::gradient_png(20, 10);
        png.resize(size, b'x');
        let uri = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&png));
        json!({"input": {"image_url": uri}}).to_string()
    };
    let largest = run_on(7_800_000);
    assert!(largest.len() > 10_000_000);
    // Without a length it is as if it were the largest.
    let unannounced = run_on(200_000);
    // More than there is room for at once: the rest wait for their turn.
    let sending: Vec<_> = (0..7)
        .map(|number| {
            let post = Request::new("POST", &app.url(REMOVAL))
                .key(app.key())
                .header("content-type", "application/json");
            tokio::spawn(match number {
                0 => post.body(largest.as_bytes()).send(),
                // Read by whoever keeps answers, and then again.
                1 => {
                    let kept = post.header("idempotency-key", "one");
                    kept.body(largest.as_bytes()).send()
                }
                _ => post.chunked(unannounced.as_bytes()).send(),
            })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().assert(201);
    }
    let assets = app.get("/v1/assets?asset_type=image").send().await;
    let assets = assets.assert(200).json();
    let assets = assets["items"].as_array().unwrap().iter();
    let mut sizes: Vec<u64> = assets
        .map(|asset| asset["size_bytes"].as_u64().unwrap())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes[..5], [200_000; 5]);
    assert_eq!(sizes[5..], [7_800_000; 2]);
    app.run_jobs().await;
    app.stop().await;
}
