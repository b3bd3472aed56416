//! Several PUTs to the URL of one upload, and PUTs that do not come to an end.

use std::path::PathBuf;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};
use runnel_types::{AssetId, Received};

on_both_databases!(
    a_newer_put_ends_the_one_before_it,
    however_many_puts_begin_one_body_is_on_the_disk,
    what_is_refused_ends_nothing,
    other_uploads_go_on,
    a_complete_body_is_stored_to_the_end,
    a_put_ends_with_its_session,
);

/// A picture of so many bytes: what follows the end of a PNG belongs to nobody.
fn png(last: u8) -> Vec<u8> {
    let mut bytes = sample::gradient_png(8, 8);
    bytes.resize(900_000, last);
    bytes
}

fn put(url: &str, body: &[u8]) -> Request {
    Request::new("PUT", url)
        .header("content-type", "image/png")
        .body(body)
}

/// The file of a body of which some has arrived, when it is none of `known`.
async fn arriving(app: &TestApp, known: &[PathBuf]) -> PathBuf {
    wait_until("bytes of a body to be on the disk", || async move {
        let of_this_one = |path: &PathBuf| {
            !known.contains(path)
                // Another may be removed just now.
                && std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
        };
        app.objects().into_iter().find(of_this_one)
    })
    .await
}

async fn bytes_of(app: &TestApp, id: &str) -> Vec<u8> {
    let asset = app.confirm(id).await.assert(201).json();
    let url = asset["url"].as_str().unwrap();
    Request::new("GET", url).send().await.assert(200).body
}

async fn a_newer_put_ends_the_one_before_it(db: Db) {
    let app = TestApp::start(db).await;
    let (older, newer) = (png(b'a'), png(b'b'));
    let (id, url) = app.create_upload("image/png", older.len()).await;
    let hanging = put(&url, &older).begin(800_000).await;
    arriving(&app, &[]).await;
    put(&url, &newer).send().await.assert(200);
    assert_eq!(app.objects().len(), 1, "nothing is left of the older one");
    let error = hanging.finish().await.assert_error(409, "CONFLICT");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("another request"), "{message}");
    // One that does not overlap is as good as the first.
    put(&url, &older).send().await.assert(200);
    assert!(bytes_of(&app, &id).await == older);
    app.stop().await;
}

async fn however_many_puts_begin_one_body_is_on_the_disk(db: Db) {
    let app = TestApp::start(db).await;
    let bodies: Vec<Vec<u8>> = (b'a'..=b'f').map(png).collect();
    let (id, url) = app.create_upload("image/png", bodies[0].len()).await;
    let mut open = Vec::new();
    let mut known = Vec::new();
    for body in &bodies {
        open.push(put(&url, body).begin(800_000).await);
        known.push(arriving(&app, &known).await);
        assert_eq!(app.objects(), &known[known.len() - 1..]);
    }
    let last = open.pop().unwrap();
    for ended in open {
        ended.finish().await.assert_error(409, "CONFLICT");
    }
    last.finish().await.assert(200);
    assert_eq!(app.objects().len(), 1);
    // At once, and one after the other as it happens to be: one is stored, whole.
    let sending = bodies
        .iter()
        .map(|body| tokio::spawn(put(&url, body).send()));
    let mut stored = 0;
    for sent in sending.collect::<Vec<_>>() {
        let status = sent.await.unwrap().status;
        assert!(matches!(status, 200 | 409), "{status}");
        stored += usize::from(status == 200);
    }
    assert!(stored > 0);
    assert_eq!(app.objects().len(), 1);
    let kept = bytes_of(&app, &id).await;
    assert!(bodies.contains(&kept), "a mixture was kept");
    app.stop().await;
}

async fn what_is_refused_ends_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let body = png(b'a');
    let (id, url) = app.create_upload("image/png", body.len()).await;
    let at_work = put(&url, &body).begin(800_000).await;
    arriving(&app, &[]).await;
    let short = put(&url, &body[1..]).send().await;
    short.assert_error(400, "BAD_REQUEST");
    let other_type = Request::new("PUT", &url).body(&body[..]).send().await;
    other_type.assert_error(403, "SIGNATURE_INVALID");
    let changed = put(&url.replace("size=9", "size=8"), &body).send().await;
    changed.assert_error(403, "SIGNATURE_INVALID");
    at_work.finish().await.assert(200);
    assert!(bytes_of(&app, &id).await == body);
    app.stop().await;
}

async fn other_uploads_go_on(db: Db) {
    let app = TestApp::start(db).await;
    let body = png(b'a');
    let (_, one) = app.create_upload("image/png", body.len()).await;
    let (_, other) = app.create_upload("image/png", body.len()).await;
    let first = put(&one, &body).begin(800_000).await;
    let file = arriving(&app, &[]).await;
    let second = put(&other, &body).begin(800_000).await;
    arriving(&app, &[file]).await;
    first.finish().await.assert(200);
    second.finish().await.assert(200);
    app.stop().await;
}

async fn a_complete_body_is_stored_to_the_end(db: Db) {
    let app = TestApp::start(db).await;
    let (older, newer) = (png(b'a'), png(b'b'));
    let (id, url) = app.create_upload("image/png", older.len()).await;
    // The row is held, so that the first body cannot be named yet.
    let store = &app.services().store;
    let org = store.read().orgs().list().await.unwrap()[0].id;
    let asset: AssetId = id.parse().unwrap();
    let held = Received {
        storage_key: "held".to_owned(),
        size_bytes: 1,
        sha256: "0".repeat(64),
    };
    let mut tx = store.begin().await.unwrap();
    let recorded = tx.uploads().record_received(org, asset, &held).await;
    recorded.unwrap();
    let first = tokio::spawn(put(&url, &older).send());
    let app_ref = &app;
    wait_until("the first body to lie at its place", || async move {
        let objects = app_ref.objects();
        let named = |path: &PathBuf| path.extension().is_some_and(|end| end == "bin");
        objects.iter().any(named).then_some(())
    })
    .await;
    let second = tokio::spawn(put(&url, &newer).send());
    wait_until("the second to ask for the turn", || async move {
        let turns = format!("{:?}", app_ref.services().turns);
        turns.contains("is_cancelled: true").then_some(())
    })
    .await;
    drop(tx);
    first.await.unwrap().assert(200);
    second.await.unwrap().assert(200);
    assert_eq!(app.objects().len(), 1);
    assert!(bytes_of(&app, &id).await == newer, "the last one wins");
    app.stop().await;
}

async fn a_put_ends_with_its_session(db: Db) {
    let app = TestApp::start(db).await;
    let body = png(b'a');
    let (id, url) = app.create_upload("image/png", body.len()).await;
    // Slower than the URL, and in time all the same.
    let slow = put(&url, &body).begin(800_000).await;
    arriving(&app, &[]).await;
    app.advance(Duration::from_hours(24));
    slow.finish().await.assert(200);
    let (_, late) = app.create_upload("image/png", body.len()).await;
    let known = app.objects();
    let dripping = put(&late, &body).begin(800_000).await;
    arriving(&app, &known).await;
    app.advance(Duration::from_hours(25));
    let error = dripping.finish().await;
    error.assert_error(404, "ASSET_UPLOAD_NOT_FOUND");
    assert_eq!(app.objects(), known);
    app.confirm(&id).await.assert(201);
    app.stop().await;
}
