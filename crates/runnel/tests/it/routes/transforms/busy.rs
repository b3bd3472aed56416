//! Transforms under load: how many may wait, and what they leave for others.

use std::os::unix::fs::PermissionsExt;

use runnel_domain::ThreadSlot;
use runnel_domain::assets::Programs;
use runnel_media::sample;
use runnel_testkit::{Db, Request, Storage, TestApp, on_both_databases, samples, wait_until};
use serde_json::{Value, json};

use super::{get, photo, sign};

on_both_databases!(
    whoever_asks_for_too_many_is_told_when_to_ask_again,
    slow_programs_hold_up_neither_pictures_nor_uploads,
);

/// How many transforms are in their places at once, of all organizations.
fn places() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).max(1)
}

/// Nothing can be decoded as long as this is held.
fn hold_pixels(app: &TestApp) -> Vec<ThreadSlot> {
    app.services().pixel_slots.take_all_free()
}

async fn waiting(app: &TestApp, count: usize) {
    wait_until(&format!("{count} to wait"), || async {
        (app.services().flights.waiting() == count).then_some(())
    })
    .await;
}

async fn whoever_asks_for_too_many_is_told_when_to_ask_again(db: Db) {
    let app = TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.transforms_waiting = 2;
    })
    .await;
    let asset = photo(&app).await;
    let other = app.foreign_key().await;
    let theirs = Request::new("POST", &app.url("/v1/assets")).key(&other);
    let theirs = theirs.file("a.jpeg", "image/jpeg", &sample::noise_jpeg(90, 60));
    let theirs = theirs.send().await.assert(201).json();
    let path = app.url(&format!("/v1/assets/{}/urls", super::id(&theirs)));
    let wish = json!({"w": 30, "format": "png"});
    let theirs = Request::new("POST", &path).key(&other).json(&wish);
    let theirs = theirs.send().await.assert(201).json();
    let mut signed = Vec::new();
    for width in 0..places() + 3 {
        let wish = json!({"w": 20 + width, "format": "png"});
        signed.push(sign(&app, &asset, &wish).await);
    }
    let late = signed.pop().unwrap();

    let held = hold_pixels(&app);
    let asked: Vec<_> = signed
        .iter()
        .map(|url| tokio::spawn(get(url).send()))
        .collect();
    waiting(&app, places() + 2).await;
    // Whoever is waited for need not be in the line yet.
    wait_until("the line to be full", || async {
        (app.services().transforms.in_line() == 2).then_some(())
    })
    .await;
    let refused = get(&late).send().await;
    assert_eq!(refused.header("retry-after"), Some("5"));
    let error = refused.assert_error(503, "SERVICE_UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("too many transforms wait"), "{message}");
    // One that is waited for already costs nothing more.
    let joined = tokio::spawn(get(&signed[0]).send());
    let theirs = tokio::spawn(get(&theirs).send());
    waiting(&app, places() + 4).await;
    drop(held);
    for answer in asked.into_iter().chain([joined, theirs]) {
        answer.await.unwrap().assert(200);
    }
    // It was not the file's fault, so it is not remembered.
    get(&late).send().await.assert(200);
    app.stop().await;
}

async fn slow_programs_hold_up_neither_pictures_nor_uploads(db: Db) {
    let folder = tempfile::tempdir().unwrap();
    let hold = folder.path().join("hold");
    let slow = format!(
        "#!/bin/sh\nwhile [ -e {} ]; do /bin/sleep 0.02; done\nexec /usr/bin/rsvg-convert \"$@\"\n",
        hold.display()
    );
    let program = folder.path().join("rsvg-convert");
    std::fs::write(&program, slow).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let app = TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.programs = Programs::in_folders([folder.path(), "/usr/bin".as_ref()]);
    })
    .await;
    let drawing = app
        .asset("image/svg+xml", samples::of("image/svg+xml"))
        .await;
    let picture = photo(&app).await;
    let mut signed: Vec<Value> = Vec::new();
    for width in 0..10 {
        let wish = json!({"w": 20 + width, "format": "png"});
        signed.push(sign(&app, &drawing, &wish).await);
    }
    let of_picture = sign(&app, &picture, &json!({"w": 30, "format": "png"})).await;
    std::fs::write(&hold, "").unwrap();
    let asked: Vec<_> = signed
        .iter()
        .map(|url| tokio::spawn(get(url).send()))
        .collect();
    waiting(&app, 10).await;
    get(&of_picture).send().await.assert(200);
    let uploaded = app.asset("image/png", samples::of("image/png")).await;
    assert!(uploaded["thumbnail_url"].is_string());
    assert_eq!(app.services().flights.count(), 10, "they are still at it");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let half = || async {
        let free = app.services().program_slots.free();
        (free == cores - places()).then_some(())
    };
    wait_until("half of the places to be left for uploads", half).await;
    std::fs::remove_file(&hold).unwrap();
    for answer in asked {
        answer.await.unwrap().assert(200);
    }
    app.stop().await;
}
