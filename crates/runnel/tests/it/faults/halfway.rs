//! What stops halfway, or happens twice at once, loses nothing and leaves nothing
//! that no row names.

use std::path::PathBuf;

use runnel_media::sample;
use runnel_testkit::{Db, Request, Storage, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};

on_both_databases!(
    a_client_that_leaves_does_not_stop_its_confirmation,
    a_client_that_leaves_does_not_stop_its_file,
    a_body_replaced_during_its_confirmation_leaves_no_thumbnail,
    who_asks_again_waits_for_the_confirmation_under_way,
    a_body_that_is_lost_is_asked_for_again,
    changes_at_the_same_moment_all_stay,
    an_asset_restored_twice_at_once_is_there_for_both,
);

/// Waits until that many uploads are being made assets.
async fn until_at_work(app: &TestApp, count: usize) {
    let slots = &app.services().adoption_slots;
    wait_until("uploads to be made assets", || async move {
        (slots.at_work() == count).then_some(())
    })
    .await;
}

async fn assets(app: &TestApp) -> Vec<Value> {
    let list = app.get("/v1/assets").send().await.assert(200).json();
    list["items"].as_array().unwrap().clone()
}

async fn a_client_that_leaves_does_not_stop_its_confirmation(db: Db) {
    let app = TestApp::start(db).await;
    let id = app.upload("image/png", &sample::gradient_png(50, 50)).await;
    let busy = app.services().pixel_slots.take_all_free();
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let leaving = app.post(&path, &json!({})).begin(2).await;
    until_at_work(&app, 1).await;
    drop(leaving);
    drop(busy);
    until_at_work(&app, 0).await;
    assert_eq!(assets(&app).await[0]["id"], json!(id));
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn a_client_that_leaves_does_not_stop_its_file(db: Db) {
    let app = TestApp::start(db).await;
    let busy = app.services().pixel_slots.take_all_free();
    let request = Request::new("POST", &app.url("/v1/assets"))
        .key(app.key())
        .file("a.png", "image/png", &sample::gradient_png(50, 50));
    let length = request.body_length();
    let leaving = request.begin(length).await;
    until_at_work(&app, 1).await;
    drop(leaving);
    drop(busy);
    until_at_work(&app, 0).await;
    assert_eq!(assets(&app).await.len(), 1);
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn a_body_replaced_during_its_confirmation_leaves_no_thumbnail(db: Db) {
    let app = TestApp::start(db).await;
    let first = sample::gradient_png(50, 50);
    let mut last = first.clone();
    // Behind the end of the picture, where it matters to nobody.
    last.push(0);
    let mut padded = first;
    padded.push(1);
    let (id, url) = app.create_upload("image/png", last.len()).await;
    let put = |body: &[u8]| {
        Request::new("PUT", &url)
            .header("content-type", "image/png")
            .body(body)
    };
    put(&padded).send().await.assert(200);
    let busy = app.services().pixel_slots.take_all_free();
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let confirming = tokio::spawn(app.post(&path, &json!({})).send());
    until_at_work(&app, 1).await;
    put(&last).send().await.assert(200);
    drop(busy);
    let asset = confirming.await.unwrap().assert(201).json();
    let kept = Request::new("GET", asset["url"].as_str().unwrap()).send();
    assert_eq!(kept.await.assert(200).body, last);
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn who_asks_again_waits_for_the_confirmation_under_way(db: Db) {
    for storage in [Storage::Disk, Storage::S3] {
        let app = TestApp::start_on(db, storage, |_| {}).await;
        let id = app.upload("image/png", &sample::gradient_png(50, 50)).await;
        let busy = app.services().pixel_slots.take_all_free();
        let path = format!("/v1/asset-uploads/{id}/confirmations");
        let confirmations = &app.services().confirmations;
        let asked = |count| async move {
            wait_until("the confirmations to be asked for", || async move {
                (confirmations.asked_for() == count).then_some(())
            })
            .await;
        };
        // Who goes away leaves the line, but for the one that is at work.
        let leaving = app.post(&path, &json!({})).begin(2).await;
        until_at_work(&app, 1).await;
        drop(leaving);
        for _ in 0..3 {
            let leaving = app.post(&path, &json!({})).begin(2).await;
            asked(2).await;
            drop(leaving);
            asked(1).await;
        }
        let waiting = tokio::spawn(app.post(&path, &json!({})).send());
        asked(2).await;
        until_at_work(&app, 1).await;
        let is_copied = || async {
            let copied = app.objects();
            let is_kept = |object: &PathBuf| !object.to_string_lossy().contains("/uploads/");
            copied.iter().any(is_kept).then_some(copied)
        };
        let copied = wait_until("the first to have its copy", is_copied).await;
        drop(busy);
        assert_eq!(waiting.await.unwrap().json()["id"], json!(id));
        until_at_work(&app, 0).await;
        let left = app.objects();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(
            left.iter().any(|object| copied.contains(object)),
            "the first came to its end: {copied:?}, {left:?}"
        );
        app.stop().await;
    }
}

async fn a_body_that_is_lost_is_asked_for_again(db: Db) {
    for storage in [Storage::Disk, Storage::S3] {
        let app = TestApp::start_on(db, storage, |_| {}).await;
        let png = sample::gradient_png(50, 50);
        let (id, url) = app.create_upload("image/png", png.len()).await;
        let put = Request::new("PUT", &url)
            .header("content-type", "image/png")
            .body(png.as_slice());
        put.clone().send().await.assert(200);
        for lost in app.objects() {
            std::fs::remove_file(lost).unwrap();
        }
        for _ in 0..2 {
            let error = app.confirm(&id).await.assert_error(409, "CONFLICT");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("to its upload_url"), "{message}");
        }
        put.send().await.assert(200);
        app.confirm(&id).await.assert(201);
        app.stop().await;
    }
}

async fn changes_at_the_same_moment_all_stay(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(8, 8)).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    for round in 0..10 {
        let name = format!("{round}.png");
        let metadata = json!({"round": round});
        let folder = app.folder(&format!("{round}"), None).await;
        let answers = tokio::join!(
            app.patch(&path, &json!({"name": name})).send(),
            app.patch(&path, &json!({"metadata": metadata})).send(),
            app.patch(&path, &json!({"folder_id": folder["id"]})).send(),
        );
        for answer in [answers.0, answers.1, answers.2] {
            answer.assert(200);
        }
        let now = app.get(&path).send().await.assert(200).json();
        assert_eq!(
            (&now["name"], &now["metadata"], &now["folder_id"]),
            (&json!(name), &metadata, &folder["id"])
        );
    }
    app.stop().await;
}

async fn an_asset_restored_twice_at_once_is_there_for_both(db: Db) {
    let app = TestApp::start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(8, 8)).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let restore = format!("{path}/restorations");
    for _ in 0..10 {
        app.delete(&path).send().await.assert(204);
        let answers = tokio::join!(
            app.post(&restore, &json!({})).send(),
            app.post(&restore, &json!({})).send(),
            app.post(&restore, &json!({})).send(),
        );
        for answer in [answers.0, answers.1, answers.2] {
            answer.assert(201);
        }
    }
    app.stop().await;
}
