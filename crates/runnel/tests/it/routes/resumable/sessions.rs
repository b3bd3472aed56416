//! The life of an upload in pieces: from its creation to its asset, or its end.

use std::time::Duration;

use runnel_testkit::{Request, Setup, TestApp, on_both_databases, with_a_bucket_too};
use serde_json::{Value, json};

use super::{APPENDED, assert_asset, create, offset, offset_of, patch, png, tus};

on_both_databases!(
    pieces_become_an_asset,
    sessions_say_which_way_their_bytes_take,
    an_upload_that_began_in_time_goes_on_until_it_is_swept,
    wrong_bytes_are_not_gone_on_from,
    a_plain_put_serves_too,
    a_session_that_is_given_up_leaves_nothing,
    an_end_that_was_not_noted_is_made_up_for,
);

with_a_bucket_too!(
    pieces_become_an_asset,
    wrong_bytes_are_not_gone_on_from,
    a_plain_put_serves_too,
    a_session_that_is_given_up_leaves_nothing,
    an_end_that_was_not_noted_is_made_up_for,
);

async fn pieces_become_an_asset(setup: Setup) {
    let mut app = TestApp::start(setup).await;
    let whole = png(700_001);
    let (id, mut url) = create(&app, whole.len()).await;
    assert_eq!(offset(&url).await, 0);
    let mut at = 0;
    for piece in whole.chunks(300_000) {
        let done = patch(&url, at, piece).send().await.assert(204);
        at += piece.len();
        assert_eq!(offset_of(&done), at);
        assert_eq!(done.header("upload-expires").is_some(), at < whole.len());
        let head = tus("HEAD", &url).send().await.assert(200);
        assert_eq!(offset_of(&head), at);
        assert_eq!(head.header("upload-length"), Some("700001"));
        if at < whole.len() {
            let told = app.confirm(&id).await.assert_error(409, "CONFLICT");
            let message = told["message"].as_str().unwrap().to_owned();
            assert!(
                message.contains(&format!("{at} of 700001 bytes")),
                "{message}"
            );
        }
        let rest = url.split_once("/storage/").unwrap().1.to_owned();
        app = app.restart().await;
        // The port changes with each start; the path and the signature do not.
        url = app.url(&format!("/storage/{rest}"));
    }
    let asset = assert_asset(&app, &id, &whole).await;
    assert_eq!(asset["width"], 8);
    assert_eq!(app.confirm(&id).await.assert(201).json()["id"], asset["id"]);
    assert_eq!(
        offset(&url).await,
        whole.len(),
        "after the confirmation too"
    );
    let late = patch(&url, whole.len(), b"").send().await;
    late.assert_error(409, "CONFLICT");
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn sessions_say_which_way_their_bytes_take(setup: Setup) {
    let app =
        TestApp::start_with(setup, |settings| settings.max_resumable_bytes = 60_000_000).await;
    let create = |size: u64, resumable: Value| {
        let body = json!({
            "filename": "a.png", "mime_type": "image/png", "size_bytes": size, "resumable": resumable,
        });
        app.post("/v1/asset-uploads", &body)
    };
    for (size, resumable, words) in [
        (
            52_428_801,
            json!(false),
            "\"resumable\": true it is 60000000",
        ),
        (52_428_801, Value::Null, "the limit is 52428800;"),
        (60_000_001, json!(true), "the limit is 60000000"),
        (60_000_001, json!(false), "the limit is 60000000"),
        (10, json!("yes"), "must be true or false, not a string"),
    ] {
        let refused = create(size, resumable.clone()).send().await;
        let error = refused.assert_error(422, "VALIDATION_ERROR");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{size} {resumable}: {message}");
    }
    for (size, resumable) in [(60_000_000, true), (1, true), (52_428_800, false)] {
        let created = create(size, json!(resumable)).send().await;
        created.assert(201);
    }
    let (_, url) = app.create_upload("image/png", 10).await;
    for method in ["HEAD", "POST", "PATCH", "DELETE"] {
        let request = tus(method, &url)
            .header("upload-length", "10")
            .header("upload-offset", "0")
            .header("content-type", APPENDED);
        let refused = request.send().await.assert(409);
        assert_eq!(refused.header("tus-resumable"), Some("1.0.0"), "{method}");
        if method != "HEAD" {
            let words = String::from_utf8(refused.body).unwrap();
            assert!(words.contains("\\\"resumable\\\": true"), "{words}");
        }
    }
    app.stop().await;
}

async fn an_upload_that_began_in_time_goes_on_until_it_is_swept(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(4000);
    let (id, url) = create(&app, whole.len()).await;
    let (swept, swept_url) = create(&app, whole.len()).await;
    let (_, never) = create(&app, whole.len()).await;
    app.advance(Duration::from_hours(24) - Duration::from_secs(1));
    for url in [&url, &swept_url] {
        let begun = patch(url, 0, &whole[..1000]).send().await.assert(204);
        // 24 h after the URL's end, when the clock stood at 2026-09-21T14:13:20Z.
        let expires = begun.header("upload-expires");
        assert_eq!(expires, Some("Wed, 23 Sep 2026 14:13:20 GMT"));
    }
    app.advance(Duration::from_secs(1));
    assert_eq!(tus("HEAD", &never).send().await.status, 403);
    let late = patch(&never, 0, &whole).send().await;
    late.assert_error(403, "URL_EXPIRED");
    let afresh = tus("POST", &url)
        .header("upload-length", "4000")
        .send()
        .await;
    afresh.assert_error(403, "URL_EXPIRED");
    app.advance(Duration::from_hours(23));
    app.run_jobs().await;
    assert_eq!(offset(&url).await, 1000);
    patch(&url, 1000, &whole[1000..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.advance(Duration::from_mins(61));
    app.run_jobs().await;
    assert_eq!(tus("HEAD", &swept_url).send().await.status, 404);
    let late = patch(&swept_url, 1000, &whole[1000..]).send().await;
    late.assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    let late = app.confirm(&swept).await;
    late.assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn wrong_bytes_are_not_gone_on_from(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(3000);
    let (id, url) = create(&app, whole.len()).await;
    let wrong = vec![b'x'; whole.len()];
    patch(&url, 0, &wrong).send().await.assert(204);
    app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 0);
    assert_eq!(offset(&url).await, 0);
    patch(&url, 0, &whole).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn a_plain_put_serves_too(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(3000);
    let put = |url: &str| {
        Request::new("PUT", url)
            .header("content-type", "image/png")
            .body(&whole[..])
    };
    let (id, url) = create(&app, whole.len()).await;
    patch(&url, 0, &whole[..100]).send().await.assert(204);
    put(&url).send().await.assert(200);
    assert_asset(&app, &id, &whole).await;
    app.run_jobs().await;
    assert_eq!(
        app.objects().len(),
        2,
        "the pieces went with the confirmation"
    );
    // The last complete body wins, whichever way it came.
    let (id, url) = create(&app, whole.len()).await;
    put(&url).send().await.assert(200);
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    patch(&url, 0, &other).send().await.assert(204);
    assert_asset(&app, &id, &other).await;
    app.stop().await;
}

async fn a_session_that_is_given_up_leaves_nothing(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(3000);
    let (id, url) = create(&app, whole.len()).await;
    patch(&url, 0, &whole[..100]).send().await.assert(204);
    let gone = tus("DELETE", &url).send().await.assert(204);
    assert_eq!(gone.header("tus-resumable"), Some("1.0.0"));
    app.run_jobs().await;
    assert_eq!(app.objects().len(), 0);
    assert_eq!(tus("HEAD", &url).send().await.status, 404);
    app.confirm(&id)
        .await
        .assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    let (id, url) = create(&app, whole.len()).await;
    patch(&url, 0, &whole).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    tus("DELETE", &url)
        .send()
        .await
        .assert_error(409, "CONFLICT");
    app.stop().await;
}

/// The process died between the last byte and the session's row.
async fn an_end_that_was_not_noted_is_made_up_for(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(3000);
    for asks_first in [false, true] {
        let (id, url) = create(&app, whole.len()).await;
        patch(&url, 0, &whole[..2999]).send().await.assert(204);
        end_without_a_note(&app, &id, &whole[2999..]).await;
        if asks_first {
            assert_eq!(offset(&url).await, whole.len());
        }
        assert_asset(&app, &id, &whole).await;
    }
    app.stop().await;
}

/// Does what an append does until its last commit.
async fn end_without_a_note(app: &TestApp, id: &str, last: &[u8]) {
    let services = app.services();
    let org = services.store.read().orgs().list().await.unwrap()[0].id;
    let id = id.parse().unwrap();
    let row = services.store.read().resumable_uploads().get(org, id).await;
    let mut row = row.unwrap().unwrap();
    let progress = runnel_blobs::Progress::from_text(row.progress.as_deref().unwrap()).unwrap();
    let fresh = services.ids.next();
    let mut appender = services.blobs.append_to(&progress, fresh).await.unwrap();
    appender.write(last).await.unwrap();
    let progress = appender.sync().await.unwrap();
    row.offset_bytes = progress.size_bytes();
    row.progress = Some(progress.to_text());
    let mut tx = services.store.begin().await.unwrap();
    assert!(tx.resumable_uploads().record(&row).await.unwrap());
    tx.commit().await.unwrap();
    appender.finish().await.unwrap();
}
