//! Upload sessions: created, filled, confirmed; each wrong way refused.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};

on_both_databases!(
    wrong_sessions_are_refused_and_create_nothing,
    odd_names_are_kept_and_never_used_as_paths,
    a_changed_url_is_refused,
    an_expired_url_is_refused,
    bodies_that_do_not_fit_are_refused_and_leave_nothing,
    the_last_complete_body_wins_until_the_confirmation,
    a_body_cut_off_halfway_leaves_the_earlier_one,
    confirming_needs_bytes_and_an_upload_of_ones_own,
    confirming_twice_at_once_makes_one_asset,
);

async fn wrong_sessions_are_refused_and_create_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let good = json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 10});
    let cases = [
        ("size_bytes", json!(0)),
        ("size_bytes", json!(52_428_801)),
        ("size_bytes", json!("10")),
        ("size_bytes", Value::Null),
        ("size_bytes", json!(1.5)),
        ("size_bytes", json!(-1)),
        ("mime_type", json!("application/x-unknown")),
        ("mime_type", json!("")),
        ("mime_type", json!("x".repeat(256))),
        // What no PUT could send as its Content-Type.
        ("mime_type", json!(" image/png")),
        ("mime_type", json!("image/png ")),
        ("mime_type", json!("image/png;\n")),
        ("mime_type", json!("image/png; x=\t1")),
        ("mime_type", json!("image/png; x=é")),
        ("mime_type", json!("\u{a0}image/png")),
        ("filename", json!("")),
        ("filename", json!("x".repeat(501))),
        ("filename", json!(7)),
    ];
    for (field, value) in cases {
        let mut body = good.clone();
        body[field] = value.clone();
        let error = app
            .post("/v1/asset-uploads", &body)
            .send()
            .await
            .assert_error(422, "VALIDATION_ERROR");
        assert_eq!(
            error["errors"][0]["loc"],
            json!(["body", field]),
            "{field} {value}: {error}"
        );
        assert_eq!(error["errors"][0]["field"], field);
        assert_eq!(error["errors"][0]["msg"], error["errors"][0]["message"]);
    }
    let all = app
        .post("/v1/asset-uploads", &json!({}))
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert_eq!(all["errors"].as_array().map(Vec::len), Some(3), "{all}");
    let largest = json!({"filename": "a.png", "mime_type": "image/png", "size_bytes": 52_428_800, "unknown": 1});
    app.post("/v1/asset-uploads", &largest)
        .send()
        .await
        .assert(201);
    assert!(app.objects().is_empty());
    app.stop().await;
}

async fn odd_names_are_kept_and_never_used_as_paths(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(8, 8);
    for name in [
        "../../etc/passwd",
        "a\0b.png",
        "Kuchen 🍰.png",
        "..",
        "con",
        &"é".repeat(500),
    ] {
        let body = json!({"filename": name, "mime_type": "image/png", "size_bytes": png.len()});
        let session = app
            .post("/v1/asset-uploads", &body)
            .send()
            .await
            .assert(201)
            .json();
        let url = session["upload_url"].as_str().unwrap();
        Request::new("PUT", url)
            .header("content-type", "image/png")
            .body(png.as_slice())
            .send()
            .await
            .assert(200);
        let asset = app
            .confirm(session["asset_id"].as_str().unwrap())
            .await
            .assert(201)
            .json();
        assert_eq!(asset["name"], name);
        let key = asset["r2_key"].as_str().unwrap();
        assert!(
            !key.contains("..") && key.is_ascii() && key.len() < 300,
            "{key}"
        );
        Request::new("GET", asset["url"].as_str().unwrap())
            .send()
            .await
            .assert(200);
    }
    let root = app.data_dir().join("objects");
    assert!(app.objects().iter().all(|path| path.starts_with(&root)));
    app.stop().await;
}

async fn a_changed_url_is_refused(db: Db) {
    let app = TestApp::start(db).await;
    let (_, url) = app.create_upload("image/png", 4).await;
    let changed = [
        url.replace("size=4", "size=5"),
        url.replace("image%2Fpng", "text%2Fhtml"),
        url.replace("expires=1", "expires=2"),
        url.replace("photo.bin", "other.bin"),
        format!("{url}&more=1"),
        format!("{}0", &url[..url.len() - 1]),
        url.split('?').next().unwrap().to_owned(),
    ];
    for url in changed.iter().filter(|changed| **changed != url) {
        let put = Request::new("PUT", url)
            .header("content-type", "image/png")
            .body("abcd");
        put.send().await.assert_error(403, "SIGNATURE_INVALID");
    }
    Request::new("GET", &url)
        .send()
        .await
        .assert_error(403, "SIGNATURE_INVALID");
    assert!(app.objects().is_empty());
    app.stop().await;
}

async fn an_expired_url_is_refused(db: Db) {
    let app = TestApp::start(db).await;
    let (_, url) = app.create_upload("image/png", 4).await;
    app.advance(Duration::from_secs(3599));
    let put = Request::new("PUT", &url)
        .header("content-type", "image/png")
        .body("abcd");
    put.clone().send().await.assert(200);
    app.advance(Duration::from_secs(1));
    put.send().await.assert_error(403, "URL_EXPIRED");
    app.stop().await;
}

async fn bodies_that_do_not_fit_are_refused_and_leave_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let (id, url) = app.create_upload("image/png", 1000).await;
    let put = || Request::new("PUT", &url).header("content-type", "image/png");
    put()
        .body(vec![1; 999])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    put()
        .body(vec![1; 1001])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    put()
        .chunked(vec![1; 999])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    put()
        .chunked(vec![1; 5001])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    let typed = Request::new("PUT", &url)
        .header("content-type", "image/jpeg")
        .body(vec![1; 1000]);
    typed.send().await.assert_error(403, "SIGNATURE_INVALID");
    Request::new("PUT", &url)
        .body(vec![1; 1000])
        .send()
        .await
        .assert_error(403, "SIGNATURE_INVALID");
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    app.stop().await;
}

async fn the_last_complete_body_wins_until_the_confirmation(db: Db) {
    let app = TestApp::start(db).await;
    let (first, second) = (sample::gradient_png(20, 20), sample::gradient_png(20, 20));
    let mut last = second.clone();
    // The same length, another picture: bytes after a PNG's end belong to nobody.
    last.extend_from_slice(b"x");
    let mut padded = first;
    padded.extend_from_slice(b"y");
    let (id, url) = app.create_upload("image/png", last.len()).await;
    let put = |body: &[u8]| {
        Request::new("PUT", &url)
            .header("content-type", "image/png")
            .chunked(body)
    };
    let etag = put(&padded).send().await.assert(200);
    assert!(etag.body.is_empty() && etag.header("etag").is_some());
    put(&last).send().await.assert(200);
    put(&last[1..])
        .send()
        .await
        .assert_error(400, "BAD_REQUEST");
    assert_eq!(app.objects().len(), 1, "a superseded body is removed");
    let asset = app.confirm(&id).await.assert(201).json();
    let kept = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await
        .assert(200)
        .body;
    assert_eq!(kept, last);
    put(&padded).send().await.assert_error(409, "CONFLICT");
    let again = app.confirm(&id).await.assert(201).json();
    assert_eq!(again["id"], asset["id"]);
    assert_eq!(app.objects().len(), 2, "the bytes and the thumbnail");
    app.stop().await;
}

async fn a_body_cut_off_halfway_leaves_the_earlier_one(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(300, 300);
    let (id, url) = app.create_upload("image/png", png.len()).await;
    let put = Request::new("PUT", &url)
        .header("content-type", "image/png")
        .body(png.as_slice());
    put.clone().send().await.assert(200);
    let connection = put.begin(png.len() / 2).await;
    drop(connection);
    let app_ref = &app;
    wait_until("the half body to be gone", || async move {
        (app_ref.objects().len() == 1).then_some(())
    })
    .await;
    app.confirm(&id).await.assert(201);
    app.stop().await;
}

async fn confirming_needs_bytes_and_an_upload_of_ones_own(db: Db) {
    let app = TestApp::start(db).await;
    let (id, _) = app.create_upload("image/png", 4).await;
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    let foreign = app.foreign_key().await;
    Request::new("POST", &app.url(&path))
        .key(&foreign)
        .send()
        .await
        .assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    let unknown = "018f4e1a-0000-7000-8000-000000000001";
    app.confirm(unknown)
        .await
        .assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    let error = app
        .confirm("nonsense")
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert_eq!(error["errors"][0]["loc"], json!(["path", "id"]));
    let png = sample::gradient_png(8, 8);
    let id = app.upload("image/png", &png).await;
    let path = format!("/v1/asset-uploads/{id}/confirmations");
    app.post(&path, &json!({"folder_id": unknown}))
        .send()
        .await
        .assert_error(404, "FOLDER_NOT_FOUND");
    app.post(&path, &json!({"folder_id": "x"}))
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    app.post(&path, &json!({"folder_id": null}))
        .send()
        .await
        .assert(201);
    app.stop().await;
}

async fn confirming_twice_at_once_makes_one_asset(db: Db) {
    let app = TestApp::start(db).await;
    let id = app
        .upload("image/jpeg", &sample::noise_jpeg(600, 400))
        .await;
    let (first, second, third) = tokio::join!(app.confirm(&id), app.confirm(&id), app.confirm(&id));
    let ids: Vec<Value> = [first, second, third]
        .into_iter()
        .map(|answer| answer.assert(201).json()["id"].clone())
        .collect();
    assert!(ids.iter().all(|other| *other == json!(id)), "{ids:?}");
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}
