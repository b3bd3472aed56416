//! How results are served: headers, time, many at once, and from a bucket.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{
    Db, Request, Setup, Storage, TestApp, on_both_databases, wait_until, with_files_served_too,
};
use serde_json::json;

use super::{get, id, photo, pixels, results, sign, sign_request};

on_both_databases!(
    a_transform_is_served_like_any_file,
    a_url_ends_with_its_time_and_with_its_asset,
    many_who_ask_for_the_same_are_served_by_one_file,
    a_client_that_leaves_before_its_turn_costs_nothing,
    a_picture_that_went_bad_is_told_and_can_be_asked_for_again,
);

with_files_served_too!(
    a_transform_is_served_like_any_file,
    a_url_ends_with_its_time_and_with_its_asset,
    many_who_ask_for_the_same_are_served_by_one_file,
    a_client_that_leaves_before_its_turn_costs_nothing,
    a_picture_that_went_bad_is_told_and_can_be_asked_for_again,
);

async fn a_transform_is_served_like_any_file(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = Request::new("POST", &app.url("/v1/assets")).key(app.key());
    let asset = asset.file(
        "Kuchen am See.jpeg",
        "image/jpeg",
        &sample::noise_jpeg(90, 60),
    );
    let asset = asset.send().await.assert(201).json();
    let signed = sign(&app, &asset, &json!({"w": 45, "format": "png"})).await;
    let url = signed["url"].as_str().unwrap();
    // The first to ask may well be one who wants the head alone.
    let head = Request::new("HEAD", url).send().await.assert(200);
    let whole = get(&signed).send().await.assert(200);
    assert!(head.body.is_empty());
    for name in [
        "content-length",
        "content-type",
        "etag",
        "accept-ranges",
        "content-disposition",
    ] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
        assert!(head.header(name).is_some(), "{name}");
    }
    assert_eq!(
        whole.header("content-disposition"),
        Some("inline; filename=\"Kuchen am See.png\"; filename*=UTF-8''Kuchen%20am%20See.png")
    );
    assert_eq!(whole.header("cache-control"), Some("private, max-age=3600"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    let part = get(&signed)
        .header("range", "bytes=3-9")
        .send()
        .await
        .assert(206);
    assert_eq!(part.body, whole.body[3..10]);
    let past = get(&signed).header("range", "bytes=999999-").send().await;
    past.assert(416);
    let tag = whole.header("etag").unwrap();
    let unchanged = get(&signed)
        .header("if-none-match", tag)
        .send()
        .await
        .assert(304);
    assert!(unchanged.body.is_empty());
    let other = get(&signed).header("if-none-match", "\"x\"").send().await;
    other.assert(200);
    app.stop().await;
}

async fn a_url_ends_with_its_time_and_with_its_asset(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = photo(&app).await;
    let wish = json!({"w": 30, "format": "webp", "expires_in": 60});
    let brief = sign(&app, &asset, &wish).await;
    app.advance(Duration::from_secs(50));
    let answer = get(&brief).send().await.assert(200);
    assert_eq!(answer.header("cache-control"), Some("private, max-age=10"));
    app.advance(Duration::from_secs(10));
    get(&brief).send().await.assert_error(403, "URL_EXPIRED");

    let long = json!({"w": 30, "format": "webp", "expires_in": 604_800});
    let long = sign(&app, &asset, &long).await;
    let unmade = json!({"w": 31, "format": "webp", "expires_in": 604_800});
    let unmade = sign(&app, &asset, &unmade).await;
    get(&long).send().await.assert(200);
    let path = format!("/v1/assets/{}", id(&asset));
    app.delete(&path).send().await.assert(204);
    for url in [&long, &unmade] {
        get(url).send().await.assert_error(404, "ASSET_NOT_FOUND");
    }
    let answer = sign_request(&app, &asset, &json!({"w": 9})).send().await;
    answer.assert_error(404, "ASSET_NOT_FOUND");
    app.post(&format!("{path}/restorations"), &json!({}))
        .send()
        .await
        .assert(201);
    get(&long).send().await.assert(200);

    app.delete(&path).send().await.assert(204);
    assert_eq!(results(&app).len(), 1);
    app.advance(Duration::from_hours(8 * 24));
    app.run_jobs().await;
    assert_eq!(app.objects(), Vec::<PathBuf>::new());
    app.stop().await;
}

async fn many_who_ask_for_the_same_are_served_by_one_file(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = photo(&app).await;
    let signed = sign(&app, &asset, &json!({"w": 120, "format": "avif"})).await;
    // Nothing can be decoded until all of them wait.
    let held = app.services().pixel_slots.take_all_free();
    let asked: Vec<_> = (0..60).map(|_| tokio::spawn(get(&signed).send())).collect();
    wait_until("all to wait", || async {
        (app.services().flights.waiting() == 60).then_some(())
    })
    .await;
    assert_eq!(app.services().flights.count(), 1);
    drop(held);
    let mut bodies = BTreeSet::new();
    for answer in asked {
        bodies.insert(answer.await.unwrap().assert(200).body);
    }
    assert_eq!((bodies.len(), results(&app).len()), (1, 1));
    assert_eq!(app.services().flights.count(), 0);
    app.stop().await;
}

async fn a_client_that_leaves_before_its_turn_costs_nothing(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = photo(&app).await;
    let left = sign(&app, &asset, &json!({"w": 50, "format": "png"})).await;
    let stayed = sign(&app, &asset, &json!({"w": 51, "format": "png"})).await;
    let held = app.services().pixel_slots.take_all_free();
    let leaving = get(&left).begin(0).await;
    let staying = tokio::spawn(get(&stayed).send());
    wait_until("both to wait", || async {
        (app.services().flights.waiting() == 2).then_some(())
    })
    .await;
    drop(leaving);
    wait_until("one to have left", || async {
        (app.services().flights.count() == 1).then_some(())
    })
    .await;
    drop(held);
    staying.await.unwrap().assert(200);
    assert_eq!(results(&app).len(), 1, "what nobody waits for is not made");
    get(&left).send().await.assert(200);
    assert_eq!(results(&app).len(), 2);
    app.stop().await;
}

async fn a_picture_that_went_bad_is_told_and_can_be_asked_for_again(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = photo(&app).await;
    let signed = sign(&app, &asset, &json!({"w": 50, "format": "png"})).await;
    let key = asset["r2_key"].as_str().unwrap();
    let file = &app.object(key);
    let good = std::fs::read(file).unwrap();
    std::fs::write(file, &good[..good.len() / 2]).unwrap();
    let error = get(&signed)
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("damaged"),
        "{error}"
    );
    // What is known is told again, without another try.
    std::fs::write(file, &good).unwrap();
    let again = get(&signed).send().await;
    assert_eq!(again.assert_error(422, "VALIDATION_ERROR"), error);
    assert!(results(&app).is_empty());
    app.advance(Duration::from_mins(10));
    // The storage's failures are not the file's, and are not remembered.
    std::fs::remove_file(file).unwrap();
    get(&signed)
        .send()
        .await
        .assert_error(500, "INTERNAL_ERROR");
    std::fs::write(file, &good).unwrap();
    get(&signed).send().await.assert(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_bucket_the_result_is_kept_and_fetched_there() {
    let app = TestApp::start_on(Db::Sqlite, Storage::S3, |_| {}).await;
    let store = app.s3().endpoint();
    let asset = photo(&app).await;
    let plain = sign(&app, &asset, &json!({"expires_in": 60})).await;
    assert!(plain["url"].as_str().unwrap().starts_with(&store));
    get(&plain).send().await.assert(200);

    let signed = sign(&app, &asset, &json!({"w": 90})).await;
    let url = signed["url"].as_str().unwrap();
    assert!(url.starts_with(&app.url("/storage/")), "{url}");
    for _ in 0..2 {
        let sent_on = get(&signed).header("accept", "image/webp").send().await;
        let sent_on = sent_on.assert(307);
        assert_eq!(sent_on.header("vary"), Some("accept"));
        assert_eq!(
            sent_on.header("cache-control"),
            Some("private, max-age=3600")
        );
        let place = sent_on.header("location").unwrap();
        assert!(place.starts_with(&store), "{place}");
        let there = Request::new("GET", place).send().await.assert(200);
        assert_eq!(there.header("content-type"), Some("image/webp"));
        assert_eq!((pixels(&there).width(), pixels(&there).height()), (90, 60));
        let part = Request::new("GET", place).header("range", "bytes=2-5");
        assert_eq!(part.send().await.assert(206).body, there.body[2..6]);
        assert_eq!(results(&app).len(), 1);
    }
    // A store signs one method, so a question about the head is answered here.
    let head = Request::new("HEAD", url).header("accept", "image/webp");
    let head = head.send().await.assert(200);
    let size = std::fs::metadata(&results(&app)[0]).unwrap().len();
    assert_eq!(head.header("content-length"), Some(&*size.to_string()));
    let unchanged = get(&signed).header("accept", "image/webp");
    let unchanged = unchanged.header("if-none-match", head.header("etag").unwrap());
    unchanged.send().await.assert(304);

    let path = format!("/v1/assets/{}", id(&asset));
    app.delete(&path).send().await.assert(204);
    get(&signed)
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    app.advance(Duration::from_hours(8 * 24));
    app.run_jobs().await;
    assert_eq!(app.objects(), Vec::<PathBuf>::new());
    app.stop().await;
}
