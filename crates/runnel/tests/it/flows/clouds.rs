//! The whole promise with the objects in the clouds of Microsoft and Google: an
//! upload, its asset, a transform, a run, strays, and nothing left in the end.

use std::time::Duration;

use runnel_domain::audit::Finding;
use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, Storage, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    azure_keeps_what_is_uploaded_and_sends_it_itself,
    google_takes_what_is_uploaded_and_sends_it_itself,
    what_was_put_into_a_container_by_others_is_told,
);

async fn get(url: &Value) -> Response {
    Request::new("GET", url.as_str().unwrap()).send().await
}

/// What a store must send by a URL of its own.
async fn is_sent_by(store: &str, asset: &Value, photo: &[u8]) {
    for field in ["url", "thumbnail_url"] {
        let url = asset[field].as_str().unwrap();
        assert!(url.starts_with(store), "{url}");
    }
    let got = get(&asset["url"]).await.assert(200);
    assert_eq!(got.body, photo);
    assert_eq!(got.header("content-type"), Some("image/jpeg"));
    let disposition = got.header("content-disposition").unwrap();
    assert!(
        disposition.starts_with("inline; filename="),
        "{disposition}"
    );
    let part = Request::new("GET", asset["url"].as_str().unwrap());
    let part = part.header("range", "bytes=100-199").send().await;
    assert_eq!(part.assert(206).body, photo[100..200]);
    let thumbnail = get(&asset["thumbnail_url"]).await.assert(200);
    assert!(thumbnail.body.starts_with(b"RIFF"));
    assert_eq!(thumbnail.header("content-type"), Some("image/webp"));
    let other = asset["url"].as_str().unwrap().replace("photo", "other");
    get(&json!(other)).await.assert(403);
}

/// A smaller picture, which is made once and then fetched at the store.
async fn is_transformed_at(app: &TestApp, store: &str, asset: &Value) {
    let path = format!("/v1/assets/{}/urls", asset["id"].as_str().unwrap());
    let signed = app.post(&path, &json!({"w": 90})).send().await;
    let signed = signed.assert(201).json();
    for _ in 0..2 {
        let sent_on = get(&signed["url"]).await.assert(307);
        let place = sent_on.header("location").unwrap();
        assert!(place.starts_with(store), "{place}");
        let there = get(&json!(place)).await.assert(200);
        let kind = there.header("content-type").unwrap();
        assert!(kind.starts_with("image/"), "{kind}");
        assert_eq!(app.objects().len(), 3, "bytes, thumbnail, smaller picture");
    }
}

/// A run that names the asset by the store's own URL, which the server knows
/// again: nothing is fetched from anywhere, and loopback would be refused.
async fn is_the_input_of_a_run(app: &TestApp, asset: &Value) {
    let body = json!({"input": {"image_url": asset["url"]}});
    let run = app.post("/v1/models/runflow/background-removal/runs", &body);
    let run = run.send().await.assert(201).json();
    app.run_jobs().await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let ended = app.get(&path).send().await.assert(200).json();
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let picture = get(&ended["output"]["image_urls"][0]).await.assert(200);
    assert!(picture.body.starts_with(b"\x89PNG"));
    assert_eq!(picture.header("content-type"), Some("image/png"));
}

/// Of what was deleted nothing is left, a week and a day later.
async fn is_purged_with_all_others(app: &TestApp) {
    let list = app.get("/v1/assets").send().await.assert(200).json();
    for asset in list["items"].as_array().unwrap() {
        let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
        app.delete(&path).send().await.assert(204);
    }
    app.advance(Duration::from_hours(8 * 24));
    app.run_jobs().await;
    assert!(app.objects().is_empty(), "{:?}", app.objects());
}

async fn azure_keeps_what_is_uploaded_and_sends_it_itself(db: Db) {
    let app = TestApp::start_on(db, Storage::Azure, |_| {}).await;
    let store = app.azure().endpoint();
    let photo = sample::noise_jpeg(300, 200);
    let (id, url) = app.create_upload("image/jpeg", photo.len()).await;
    // A PUT to Azure needs a header that clients do not send.
    assert!(url.starts_with(&app.url("/storage/")), "{url}");
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    let put = Request::new("PUT", &url).header("content-type", "image/jpeg");
    put.body(photo.as_slice()).send().await.assert(200);
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(asset["width"], 300);
    let key = asset["r2_key"].as_str().unwrap();
    let found = app.objects();
    assert_eq!(found.len(), 2, "bytes and thumbnail: {found:?}");
    assert!(found.iter().any(|name| name.ends_with(key)), "{found:?}");
    let script = format!(
        "import hashlib\nprint(hashlib.sha256(container.download_blob(prefix + '{key}').readall()).hexdigest())"
    );
    assert_eq!(app.azure().ask(&script).trim(), asset["sha256"]);
    is_sent_by(&store, &asset, &photo).await;
    is_transformed_at(&app, &store, &asset).await;
    is_the_input_of_a_run(&app, &asset).await;
    is_purged_with_all_others(&app).await;
    app.stop().await;
}

async fn google_takes_what_is_uploaded_and_sends_it_itself(db: Db) {
    let app = TestApp::start_on(db, Storage::Google, |_| {}).await;
    let store = app.google().endpoint();
    let photo = sample::noise_jpeg(300, 200);
    let (id, url) = app.create_upload("image/jpeg", photo.len()).await;
    assert!(url.starts_with(&store), "{url}");
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    let put = Request::new("PUT", &url).body(photo.as_slice());
    put.clone().send().await.assert(403);
    let html = put.clone().header("content-type", "text/html");
    html.send().await.assert(403);
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    let put = put.header("content-type", "image/jpeg");
    put.send().await.assert(200);
    let asset = app.confirm(&id).await.assert(201).json();
    assert_eq!(asset["width"], 300);
    let key = asset["r2_key"].as_str().unwrap();
    let found = app.objects();
    assert_eq!(found.len(), 2, "bytes and thumbnail: {found:?}");
    let bytes = found.iter().find(|name| name.ends_with(key)).unwrap();
    assert_eq!(std::fs::read(bytes).unwrap(), photo);
    is_sent_by(&store, &asset, &photo).await;
    is_transformed_at(&app, &store, &asset).await;
    is_purged_with_all_others(&app).await;
    app.stop().await;
}

/// The length is no part of Google's signature, so a wrong one is found later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_length_at_google_is_refused_at_its_confirmation() {
    let app = TestApp::start_on(Db::Sqlite, Storage::Google, |_| {}).await;
    let png = sample::gradient_png(30, 20);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    let put = Request::new("PUT", &url).header("content-type", "image/png");
    let long = [png.as_slice(), &[0; 9]].concat();
    put.clone().body(long).send().await.assert(200);
    app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    put.body(png).send().await.assert(200);
    app.confirm(&id).await.assert(201);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_are_signed_as_the_client_of_google_signs_them() {
    let app = TestApp::start_on(Db::Sqlite, Storage::Google, |_| {}).await;
    let png = sample::gradient_png(30, 20);
    let (_, url) = app.create_upload("image/png", png.len()).await;
    let asset = Request::new("POST", &app.url("/v1/assets")).key(app.key());
    let asset = asset.file("a b+ä.png", "image/png", &png).send().await;
    let asset = asset.assert(201).json();
    let sent = get(&asset["url"]).await.assert(200);
    let disposition = sent.header("content-disposition").unwrap();
    let of_download = format!(
        "response_type='image/png', response_disposition={}",
        json!(disposition)
    );
    for (url, method, more) in [
        (url.as_str(), "PUT", "content_type='image/png'"),
        (asset["url"].as_str().unwrap(), "GET", of_download.as_str()),
    ] {
        let (_, ours) = url.rsplit_once("X-Goog-Signature=").unwrap();
        let theirs = app.google().signature_by_its_client(url, method, more);
        assert_eq!(ours, theirs, "{url}");
    }
    app.stop().await;
}

/// A page of HTML must not run in a browser under the store's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_has_browsers_keep_what_they_would_run() {
    let app = TestApp::start_on(Db::Sqlite, Storage::Azure, |_| {}).await;
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#;
    let asset = app.asset("image/svg+xml", svg).await;
    let url = asset["url"].as_str().unwrap();
    assert!(url.starts_with(&app.azure().endpoint()), "{url}");
    let got = get(&asset["url"]).await.assert(200);
    assert_eq!(got.header("content-type"), Some("image/svg+xml"));
    let disposition = got.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    // What the answer says is part of what is signed.
    let inline = url.replace("rscd=attachment", "rscd=inline");
    assert_ne!(inline, url);
    get(&json!(inline)).await.assert(403);
    app.stop().await;
}

async fn what_was_put_into_a_container_by_others_is_told(db: Db) {
    let app = TestApp::start_on(db, Storage::Azure, |_| {}).await;
    let asset = app.asset("image/png", &sample::gradient_png(30, 20)).await;
    let id = "018f4e1a-0000-7000-8000-000000000001";
    let stray = format!("{id}/assets/{id}/{id}/lost.png");
    app.azure().ask(&format!(
        "for name in ['{stray}', 'notes.txt']:\n    container.upload_blob(prefix + name, b'12345')"
    ));
    let lost = asset["r2_key"].as_str().unwrap();
    app.azure()
        .ask(&format!("container.delete_blob(prefix + '{lost}')"));
    app.advance(Duration::from_hours(26));
    let mut found = Vec::new();
    let mut tell = |finding| found.push(finding);
    app.services().audit_objects(true, &mut tell).await.unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    let is_missing =
        |finding: &Finding| matches!(finding, Finding::Missing { part, .. } if *part == "bytes");
    assert!(found.iter().any(is_missing), "{found:?}");
    assert!(found.contains(&Finding::Stray {
        name: stray,
        size_bytes: 5,
        is_removed: true
    }));
    assert!(found.contains(&Finding::Foreign {
        name: "notes.txt".to_owned(),
        size_bytes: 5
    }));
    let left = app.objects();
    assert_eq!(left.len(), 2, "the thumbnail and the notes: {left:?}");
    app.stop().await;
}
