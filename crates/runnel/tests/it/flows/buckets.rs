//! The whole promise with the objects in a bucket: clients send and fetch the
//! bytes at the store itself, and what lies there is looked at by its official client.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel_media::sample;
use runnel_testkit::{Db, Process, Request, S3Server, Storage, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::start_on(Db::Sqlite, Storage::S3, |_| {}).await
}

fn put(url: &str, mime_type: &str, bytes: &[u8]) -> Request {
    Request::new("PUT", url)
        .header("content-type", mime_type)
        .body(bytes)
}

/// What the official client finds: the names below the prefix, with their sizes.
async fn listed(app: &TestApp) -> Value {
    let script = "import json\n\
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get('Contents', [])\n\
        print(json.dumps({o['Key'][len(prefix):]: o['Size'] for o in found}))";
    serde_json::from_str(&app.s3().ask_boto3(script).await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_to_the_bucket_and_becomes_an_asset() {
    let app = app().await;
    let photo = sample::noise_jpeg(300, 200);
    let (id, url) = app.create_upload("image/jpeg", photo.len()).await;
    assert!(url.starts_with(&app.s3().endpoint()), "{url}");
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    let sent = put(&url, "image/jpeg", &photo).send().await.assert(200);
    assert!(sent.header("etag").is_some() && sent.body.is_empty());
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(app.confirm(&id).await.assert(201).json()["id"], asset["id"]);
    assert_eq!(asset["size_bytes"], photo.len());
    assert_eq!(
        (&asset["width"], &asset["height"]),
        (&json!(300), &json!(200))
    );
    assert!(asset["sha256"].as_str().unwrap().len() == 64 && asset["blurhash"].is_string());

    let found = listed(&app).await;
    let key = asset["r2_key"].as_str().unwrap();
    assert_eq!(found[key], photo.len(), "{found}");
    assert_eq!(
        found.as_object().map(serde_json::Map::len),
        Some(2),
        "bytes and thumbnail: {found}"
    );
    let script = format!(
        "import hashlib\nprint(hashlib.sha256(s3.get_object(Bucket=bucket, Key=prefix + '{key}')['Body'].read()).hexdigest())"
    );
    assert_eq!(app.s3().ask_boto3(&script).await.trim(), asset["sha256"]);

    let url = asset["url"].as_str().unwrap();
    assert!(
        url.starts_with(&app.s3().endpoint()) && url.contains("response-content-type=image%2Fjpeg"),
        "{url}"
    );
    assert_eq!(
        Request::new("GET", url).send().await.assert(200).body,
        photo
    );
    let part = Request::new("GET", url)
        .header("range", "bytes=100-199")
        .send()
        .await;
    assert_eq!(part.assert(206).body, photo[100..200]);
    let thumbnail = Request::new("GET", asset["thumbnail_url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    assert!(thumbnail.body.starts_with(b"RIFF"));
    Request::new("GET", &url.replace("/lib/", "/other/"))
        .send()
        .await
        .assert(403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_refuses_another_type_and_another_size() {
    let app = app().await;
    let png = sample::gradient_png(20, 20);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    put(&url, "text/html", &png).send().await.assert(403);
    Request::new("PUT", &url)
        .body(png.as_slice())
        .send()
        .await
        .assert(403);
    put(&url, "image/png", &png[1..]).send().await.assert(403);
    put(&url, "image/png", &[&png[..], b"x"].concat())
        .send()
        .await
        .assert(403);
    put(&url.replace("/uploads/", "/assets/"), "image/png", &png)
        .send()
        .await
        .assert(403);
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    put(&url, "image/png", &png).send().await.assert(200);
    app.confirm(&id).await.assert(201);
    // Spaces in a row are signed as one, by us as by the store.
    let asset = app.asset("image/png;   note=\"a  b\"", &png).await;
    assert_eq!(asset["mime_type"], "image/png");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_put_wins_and_one_after_the_confirmation_changes_nothing() {
    let app = app().await;
    let [first, second, third] = [10, 11, 12].map(|seed| {
        let mut png = sample::gradient_png(40, seed);
        png.resize(4000, 0);
        png
    });
    let (id, url) = app.create_upload("image/png", 4000).await;
    put(&url, "image/png", &first).send().await.assert(200);
    put(&url, "image/png", &second).send().await.assert(200);
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(asset["height"], 11);
    put(&url, "image/png", &third).send().await.assert(200);
    let again = app.confirm(&id).await.assert(201).json();
    assert_eq!(again["sha256"], asset["sha256"]);
    let got = Request::new("GET", again["url"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(got.assert(200).body, second);

    // What was sent too late goes with the asset.
    app.delete(&format!("/v1/assets/{id}"))
        .send()
        .await
        .assert(204);
    app.advance(Duration::from_hours(8 * 24));
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmations_at_once_make_one_asset_and_leave_one_copy() {
    let app = app().await;
    for _ in 0..8 {
        let id = app.upload("image/png", &sample::gradient_png(64, 64)).await;
        let (one, two, three) = tokio::join!(app.confirm(&id), app.confirm(&id), app.confirm(&id));
        let sums = [one, two, three].map(|answer| answer.assert(201).json()["sha256"].clone());
        assert!(sums[0] == sums[1] && sums[1] == sums[2], "{sums:?}");
        let path = format!("/v1/assets/{id}");
        let asset = app.get(&path).send().await.assert(200).json();
        let key = asset["r2_key"].as_str().unwrap();
        let bodies: Vec<_> = app
            .objects()
            .into_iter()
            .filter(|path| path.ends_with("photo.bin") && path.to_string_lossy().contains(&id))
            .collect();
        assert!(bodies.len() == 1 && bodies[0].ends_with(key), "{bodies:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_another_type_are_refused_and_removed() {
    let app = app().await;
    let script = b"#!/bin/sh\necho this is no picture at all\n";
    let (id, url) = app.create_upload("image/png", script.len()).await;
    put(&url, "image/png", script).send().await.assert(200);
    app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    assert!(app.objects().is_empty(), "{:?}", app.objects());

    let mut broken = sample::gradient_png(64, 64);
    broken.truncate(80);
    let (id, url) = app.create_upload("image/png", broken.len()).await;
    put(&url, "image/png", &broken).send().await.assert(200);
    app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_something_else_put_there_has_its_size_checked() {
    let app = app().await;
    let png = sample::gradient_png(30, 30);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    put(&url, "image/png", &png).send().await.assert(200);
    // Whoever holds the bucket's keys is not bound by our signature.
    let script = "key = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)['Contents'][0]['Key']\n\
        s3.put_object(Bucket=bucket, Key=key, Body=b'x' * 100_000)";
    app.s3().ask_boto3(script).await;
    let error = app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    assert!(error["message"].as_str().unwrap().len() < 300, "{error}");
    assert!(
        error.to_string().contains("100000 bytes were sent"),
        "{error}"
    );
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    put(&url, "image/png", &png).send().await.assert(200);
    app.confirm(&id).await.assert(201);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_nobody_confirms_are_swept_from_the_bucket() {
    let app = app().await;
    app.upload("image/png", &sample::gradient_png(8, 8)).await;
    assert_eq!(app.objects().len(), 1);
    app.advance(Duration::from_hours(24));
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 1);
    app.advance(Duration::from_hours(2));
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_reads_from_the_bucket_and_writes_to_it() {
    let app = app().await;
    let asset = app.asset("image/png", &sample::gradient_png(96, 64)).await;
    let inline = STANDARD.encode(sample::gradient_png(48, 48));
    let inline = format!("data:image/png;base64,{inline}");
    for input in [
        json!({"asset_id": asset["id"], "prompt": "white studio"}),
        json!({"image_url": inline, "prompt": "white studio"}),
    ] {
        let run = app
            .post(
                "/v1/models/runflow/background-replace/runs",
                &json!({"input": input}),
            )
            .send()
            .await
            .assert(201)
            .json();
        app.run_jobs().await;
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let ended = app.get(&path).send().await.assert(200).json();
        assert_eq!(ended["status_code"], "succeeded", "{ended}");
        let picture = ended["output"]["image_urls"][0].as_str().unwrap();
        assert!(picture.starts_with(&app.s3().endpoint()), "{picture}");
        let picture = Request::new("GET", picture).send().await.assert(200);
        assert!(picture.body.starts_with(b"\x89PNG"));
    }
    // Two inputs and two outputs, each with its thumbnail.
    let found = listed(&app).await;
    assert_eq!(
        found.as_object().map(serde_json::Map::len),
        Some(8),
        "{found}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_step_form_stores_in_the_bucket_too() {
    let app = app().await;
    let photo = sample::noise_jpeg(200, 100);
    let asset = Request::new("POST", &app.url("/v1/assets"))
        .key(app.key())
        .file("a.jpg", "image/jpeg", &photo)
        .send()
        .await
        .assert(201)
        .json();
    assert_eq!(
        listed(&app).await[asset["r2_key"].as_str().unwrap()],
        photo.len()
    );
    let got = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(got.assert(200).body, photo);

    // Deleted and restored, everything is there; purged, nothing.
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    app.delete(&path).send().await.assert(204);
    app.post(&format!("{path}/restorations"), &json!({}))
        .send()
        .await
        .assert(201);
    let read = app.get(&path).send().await.assert(200).json();
    Request::new("GET", read["url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    app.delete(&path).send().await.assert(204);
    app.advance(Duration::from_hours(8 * 24));
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_sent_by_curl_to_a_server_that_is_killed_are_confirmed_by_the_next() {
    let s3 = S3Server::start().await;
    let key = "rf_live_0123456789abcdefghij";
    let [id, secret] = s3.credentials();
    let url = s3.storage_url();
    let variables = [
        (id.0.as_str(), id.1.as_str()),
        (secret.0.as_str(), secret.1.as_str()),
        ("RUNNEL_STORAGE_URL", &url),
        ("RUNNEL_BOOTSTRAP_API_KEY", key),
        ("RUNNEL_LOG", "debug"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let serve = || Process::serve(env!("CARGO_BIN_EXE_runnel"), folder.path(), &variables);
    let mut server = serve();
    let photo = folder.path().join("photo.png");
    let png = sample::gradient_png(70, 50);
    std::fs::write(&photo, &png).unwrap();
    let body = json!({"filename": "photo.png", "mime_type": "image/png", "size_bytes": png.len()});
    let session = Request::new("POST", &server.url("/v1/asset-uploads"))
        .key(key)
        .json(&body)
        .send()
        .await
        .assert(201)
        .json();
    let curl = std::process::Command::new("curl")
        .args([
            "-sS",
            "--fail",
            "-X",
            "PUT",
            "-H",
            "content-type: image/png",
        ])
        .args(["--data-binary", &format!("@{}", photo.display())])
        .arg(session["upload_url"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(curl.status.success(), "{curl:?}");
    server.kill();

    let server = serve();
    let id = session["asset_id"].as_str().unwrap();
    let confirm = server.url(&format!("/v1/asset-uploads/{id}/confirmations"));
    let asset = Request::new("POST", &confirm).key(key).send().await;
    assert_eq!(asset.assert(201).json()["width"], 70);
    let (status, told) = server.terminate();
    assert!(status.success(), "{told}");
    assert!(!told.contains(&secret.1), "the secret is in the log");
}
