//! Several PUTs to the URL of one upload, and PUTs that do not come to an end.

use std::path::PathBuf;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};

on_both_databases!(
    the_last_complete_body_wins_and_a_broken_one_changes_nothing,
    a_third_body_is_turned_away_until_one_has_ended,
    a_body_that_paused_gives_its_place_to_a_newer_one,
    other_uploads_go_on,
    many_at_once_leave_one_whole_body,
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

/// What is on the disk of the 800,000 bytes that are sent at first, at least, once
/// all of them have arrived: the server gathers 256 KiB before it writes them.
const WRITTEN: u64 = 800_000 - 256 * 1024;

/// The file of a body of which that much has arrived, when it is none of `known`.
async fn arriving(app: &TestApp, known: &[PathBuf]) -> PathBuf {
    wait_until("bytes of a body to be on the disk", || async move {
        let of_this_one = |path: &PathBuf| {
            !known.contains(path)
                // Another may be removed just now.
                && std::fs::metadata(path).is_ok_and(|file| file.len() >= WRITTEN)
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

async fn the_last_complete_body_wins_and_a_broken_one_changes_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let (older, newer) = (png(b'a'), png(b'b'));
    let (id, url) = app.create_upload("image/png", older.len()).await;
    let slow = put(&url, &older).begin(800_000).await;
    let file = arriving(&app, &[]).await;
    let broken = put(&url, &newer).begin(800_000).await;
    arriving(&app, std::slice::from_ref(&file)).await;
    drop(broken);
    let app_ref = &app;
    wait_until("the broken one to be gone", || async move {
        (app_ref.objects().len() == 1).then_some(())
    })
    .await;
    put(&url, &newer).send().await.assert(200);
    slow.finish().await.assert(200);
    assert_eq!(app.objects().len(), 1);
    assert!(bytes_of(&app, &id).await == older, "complete last");
    app.stop().await;
}

async fn a_third_body_is_turned_away_until_one_has_ended(db: Db) {
    let app = TestApp::start(db).await;
    let body = png(b'a');
    let (id, url) = app.create_upload("image/png", body.len()).await;
    let first = put(&url, &body).begin(800_000).await;
    let file = arriving(&app, &[]).await;
    let second = put(&url, &body).begin(800_000).await;
    arriving(&app, &[file]).await;
    let error = put(&url, &body).send().await;
    let error = error.assert_error(423, "UPLOAD_LOCKED");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("has ended"), "{message}");
    assert_eq!(app.objects().len(), 2, "nothing of it is on the disk");
    // What is wrong is told first.
    let short = put(&url, &body[1..]).send().await;
    short.assert_error(400, "BAD_REQUEST");
    let other_type = Request::new("PUT", &url).body(&body[..]).send().await;
    other_type.assert_error(403, "SIGNATURE_INVALID");
    drop(second);
    let (app_ref, url, body) = (&app, &url, &body);
    wait_until("the second to have ended", || async move {
        let sent = put(url, body).send().await;
        (sent.status == 200).then_some(())
    })
    .await;
    first.finish().await.assert(200);
    wait_until("one body to be left", || async move {
        (app_ref.objects().len() == 1).then_some(())
    })
    .await;
    assert!(bytes_of(&app, &id).await == *body);
    app.stop().await;
}

async fn a_body_that_paused_gives_its_place_to_a_newer_one(db: Db) {
    let app = TestApp::start(db).await;
    let body = png(b'a');
    let (id, url) = app.create_upload("image/png", body.len()).await;
    let oldest = put(&url, &body).begin(800_000).await;
    let file = arriving(&app, &[]).await;
    app.advance(Duration::from_secs(3));
    let second = put(&url, &body).begin(800_000).await;
    arriving(&app, std::slice::from_ref(&file)).await;
    app.advance(Duration::from_secs(6));
    put(&url, &body).send().await.assert(200);
    wait_until("the oldest to be gone", || async {
        let left = app.objects();
        (left.len() == 2 && !left.contains(&file)).then_some(())
    })
    .await;
    let error = oldest.finish().await.assert_error(409, "CONFLICT");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("took its place"), "{message}");
    second.finish().await.assert(200);
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

async fn many_at_once_leave_one_whole_body(db: Db) {
    let app = TestApp::start(db).await;
    let bodies: Vec<Vec<u8>> = (b'a'..=b'f').map(png).collect();
    let (id, url) = app.create_upload("image/png", bodies[0].len()).await;
    let sending = bodies
        .iter()
        .map(|body| tokio::spawn(put(&url, body).send()));
    let mut stored = 0;
    for sent in sending.collect::<Vec<_>>() {
        let status = sent.await.unwrap().status;
        assert!(matches!(status, 200 | 423), "{status}");
        stored += usize::from(status == 200);
    }
    assert!(stored > 0);
    assert_eq!(app.objects().len(), 1);
    let kept = bytes_of(&app, &id).await;
    assert!(bodies.contains(&kept), "a mixture was kept");
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
