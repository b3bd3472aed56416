//! Signed URLs of transforms: made on request, made once, gone with the asset.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use runnel_media::{Budget, MediaType, Picture, Want, decode, probe, sample, sniff};
use runnel_testkit::{Db, Request, Response, Storage, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};

on_both_databases!(
    a_transform_is_made_when_it_is_fetched_and_served_from_storage_then,
    fits_and_formats_are_what_was_asked_for,
    auto_goes_by_what_the_client_accepts,
    a_transform_is_served_like_any_file,
    wrong_fields_are_told_one_by_one,
    a_url_ends_with_its_time_and_with_its_asset,
    many_who_ask_for_the_same_are_served_by_one_file,
    a_client_that_leaves_before_its_turn_costs_nothing,
    a_picture_that_went_bad_is_told_and_can_be_asked_for_again,
);

fn id(asset: &Value) -> &str {
    asset["id"].as_str().unwrap()
}

fn sign_request(app: &TestApp, asset: &Value, body: &Value) -> Request {
    app.post(&format!("/v1/assets/{}/urls", id(asset)), body)
}

async fn sign(app: &TestApp, asset: &Value, body: &Value) -> Value {
    sign_request(app, asset, body)
        .send()
        .await
        .assert(201)
        .json()
}

fn get(signed: &Value) -> Request {
    Request::new("GET", signed["url"].as_str().unwrap())
}

fn pixels(answer: &Response) -> Picture {
    decode(
        &mut Cursor::new(&answer.body),
        Want::Full,
        &Budget::default(),
    )
    .unwrap()
}

/// The results of transforms in storage.
fn results(app: &TestApp) -> Vec<PathBuf> {
    let is_result = |path: &PathBuf| path.to_str().unwrap().contains("/transforms/");
    app.objects().into_iter().filter(is_result).collect()
}

async fn photo(app: &TestApp) -> Value {
    app.asset("image/jpeg", &sample::noise_jpeg(300, 200)).await
}

async fn a_transform_is_made_when_it_is_fetched_and_served_from_storage_then(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let wish = json!({"w": 90, "h": 60, "format": "webp", "expires_in": 600, "more": 1});
    let signed = sign(&app, &asset, &wish).await;
    assert_eq!(
        (&signed["width"], &signed["height"]),
        (&json!(90), &json!(60))
    );
    assert_eq!(signed["expires_at"], "2026-09-21T14:23:20.000000Z");
    assert!(results(&app).is_empty(), "signing makes nothing");
    let first = get(&signed).send().await.assert(200);
    assert_eq!(first.header("content-type"), Some("image/webp"));
    assert_eq!((pixels(&first).width(), pixels(&first).height()), (90, 60));
    let [stored] = &results(&app)[..] else {
        panic!("{:?}", results(&app));
    };
    assert_eq!(std::fs::read(stored).unwrap(), first.body);
    let key = asset["r2_key"].as_str().unwrap();
    let beside = app.data_dir().join("objects").join(key);
    assert!(stored.starts_with(beside.parent().unwrap()));

    // What lies there is served, not made anew: nothing else could serve this.
    std::fs::write(stored, b"as it lies there").unwrap();
    std::fs::rename(&beside, app.data_dir().join("away")).unwrap();
    let second = get(&signed).send().await.assert(200);
    assert_eq!(second.body, b"as it lies there");
    assert_eq!(second.header("etag"), first.header("etag"));
    // Another URL for the same wish leads to the same file.
    let again = json!({"h": 60, "w": 90, "fit": "contain", "q": 80, "format": "webp"});
    let again = get(&sign(&app, &asset, &again).await)
        .send()
        .await
        .assert(200);
    assert_eq!(again.body, second.body);
    std::fs::rename(app.data_dir().join("away"), &beside).unwrap();
    // Lost, it is made again.
    std::fs::remove_file(stored).unwrap();
    assert_eq!(get(&signed).send().await.assert(200).body, first.body);

    let plain = sign(&app, &asset, &json!({"w": null})).await;
    assert_eq!(
        (&plain["width"], &plain["height"]),
        (&json!(300), &json!(200))
    );
    let plain = get(&plain).send().await.assert(200);
    assert_eq!(plain.body, sample::noise_jpeg(300, 200));
    app.stop().await;
}

async fn fits_and_formats_are_what_was_asked_for(db: Db) {
    let app = TestApp::start(db).await;
    let wide = photo(&app).await;
    let standing = sample::turned_jpeg(300, 200, 6);
    let standing = app.asset("image/jpeg", &standing).await;
    let small = app.asset("image/png", &sample::gradient_png(20, 10)).await;
    let gif = app.asset("image/gif", &sample::gif_two_frames()).await;
    let moving = app
        .asset("image/webp", &sample::animated_webp(60, 40))
        .await;
    let table = [
        (&wide, json!({"w": 150}), (150, 100), MediaType::Jpeg),
        (
            &wide,
            json!({"h": 50, "format": "png"}),
            (75, 50),
            MediaType::Png,
        ),
        (
            &wide,
            json!({"w": 50, "h": 50, "fit": "cover"}),
            (50, 50),
            MediaType::Jpeg,
        ),
        (
            &wide,
            json!({"w": 50, "h": 50, "fit": "crop", "format": "webp"}),
            (50, 50),
            MediaType::WebP,
        ),
        (
            &wide,
            json!({"w": 50, "h": 50, "fit": "contain"}),
            (50, 33),
            MediaType::Jpeg,
        ),
        (
            &wide,
            json!({"format": "avif", "w": 64}),
            (64, 43),
            MediaType::Avif,
        ),
        (&wide, json!({"q": 5}), (300, 200), MediaType::Jpeg),
        (&standing, json!({"w": 100}), (100, 150), MediaType::Jpeg),
        (
            &standing,
            json!({"w": 8192, "h": 8192, "fit": "cover"}),
            (200, 200),
            MediaType::Jpeg,
        ),
        (
            &small,
            json!({"w": 8192, "h": 8192}),
            (20, 10),
            MediaType::Jpeg,
        ),
        (
            &small,
            json!({"w": 8192, "h": 8192, "fit": "crop", "format": "png"}),
            (20, 10),
            MediaType::Png,
        ),
        (
            &gif,
            json!({"w": 2, "format": "jpeg"}),
            (2, 2),
            MediaType::Jpeg,
        ),
        (&moving, json!({"w": 30}), (30, 20), MediaType::Png),
    ];
    for (asset, wish, sides, media_type) in table {
        let signed = sign(&app, asset, &wish).await;
        let told = (&signed["width"], &signed["height"]);
        assert_eq!(told, (&json!(sides.0), &json!(sides.1)), "{wish}");
        let answer = get(&signed).send().await.assert(200);
        let facts = probe(&mut Cursor::new(&answer.body), &Budget::default()).unwrap();
        assert_eq!((facts.width, facts.height), sides, "{wish}");
        assert_eq!(facts.media_type, media_type, "{wish}");
        assert!(!facts.animated, "{wish}");
        assert_eq!(
            answer.header("content-type"),
            Some(media_type.as_mime()),
            "{wish}"
        );
    }
    app.stop().await;
}

async fn auto_goes_by_what_the_client_accepts(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let signed = sign(&app, &asset, &json!({"w": 60})).await;
    let mut tags = BTreeSet::new();
    for (accept, media_type) in [
        (Some("image/avif,image/webp,*/*;q=0.8"), MediaType::Avif),
        (Some("image/webp,*/*"), MediaType::WebP),
        (Some("*/*"), MediaType::Jpeg),
        (Some("image/avif;q=0, image/webp;q=0.0"), MediaType::Jpeg),
        (Some("🍰"), MediaType::Jpeg),
        (None, MediaType::Jpeg),
    ] {
        let request = match accept {
            Some(accept) => get(&signed).header("accept", accept),
            None => get(&signed),
        };
        let answer = request.clone().send().await.assert(200);
        assert_eq!(
            sniff(&answer.body).media_type,
            Some(media_type),
            "{accept:?}"
        );
        assert_eq!(answer.header("content-type"), Some(media_type.as_mime()));
        assert_eq!(answer.header("vary"), Some("accept"));
        let tag = answer.header("etag").unwrap().to_owned();
        let unchanged = request.header("if-none-match", &tag).send().await;
        assert_eq!(unchanged.assert(304).header("vary"), Some("accept"));
        tags.insert(tag);
    }
    assert_eq!((tags.len(), results(&app).len()), (3, 3));
    // A format that was asked for does not vary.
    let fixed = sign(&app, &asset, &json!({"format": "webp"})).await;
    let answer = get(&fixed).header("accept", "image/png").send().await;
    assert_eq!(answer.header("vary"), None);
    assert_eq!(
        answer.assert(200).header("content-type"),
        Some("image/webp")
    );
    app.stop().await;
}

async fn a_transform_is_served_like_any_file(db: Db) {
    let app = TestApp::start(db).await;
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

async fn wrong_fields_are_told_one_by_one(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let all_wrong = json!({
        "w": 0, "h": 8193, "fit": "covr", "format": "webpp", "q": 101, "expires_in": 604_801,
    });
    let answer = sign_request(&app, &asset, &all_wrong).send().await;
    let error = answer.assert_error(422, "VALIDATION_ERROR");
    let told: Vec<(&str, &str)> = error["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            (
                fault["field"].as_str().unwrap(),
                fault["message"].as_str().unwrap(),
            )
        })
        .collect();
    for (field, words) in [
        ("w", "at least 1"),
        ("h", "the limit is 8192"),
        ("fit", "did you mean \"cover\"?"),
        ("format", "auto, webp, avif, jpeg, png"),
        ("q", "the limit is 100"),
        ("expires_in", "the limit is 604800"),
    ] {
        let is_told = |(at, message): &(&str, &str)| *at == field && message.contains(words);
        assert!(told.iter().any(is_told), "{field}: {told:?}");
    }
    assert_eq!(told.len(), 6);
    for (field, value) in [
        ("w", json!("80")),
        ("w", json!(1.5)),
        ("w", json!(-1)),
        ("h", json!([])),
        ("h", json!(1e30)),
        ("fit", json!(1)),
        ("fit", json!("")),
        ("fit", json!("Cover")),
        ("format", json!({})),
        ("format", json!("gif")),
        ("format", json!("x".repeat(10_000))),
        ("q", json!(true)),
        ("q", json!(0)),
        ("expires_in", json!(0)),
        ("expires_in", json!("1h")),
    ] {
        let answer = sign_request(&app, &asset, &json!({field: value}))
            .send()
            .await;
        let error = answer.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["loc"], json!(["body", field]), "{error}");
        assert!(error.to_string().len() < 1000);
    }
    // Sides that only the picture's own make too large.
    let large = app.asset("image/png", &sample::gradient_png(9000, 1)).await;
    let answer = sign_request(&app, &large, &json!({"format": "png"}))
        .send()
        .await;
    let error = answer.assert_error(422, "VALIDATION_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("9000×1"),
        "{error}"
    );
    sign(&app, &large, &json!({"format": "png", "w": 8192})).await;

    let foreign = app.foreign_key().await;
    let path = app.url(&format!("/v1/assets/{}/urls", id(&asset)));
    let foreign = Request::new("POST", &path)
        .key(&foreign)
        .json(&json!({"w": 9}));
    foreign.send().await.assert_error(404, "ASSET_NOT_FOUND");
    assert!(results(&app).is_empty());
    app.stop().await;
}

async fn a_url_ends_with_its_time_and_with_its_asset(db: Db) {
    let app = TestApp::start(db).await;
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

async fn many_who_ask_for_the_same_are_served_by_one_file(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let signed = sign(&app, &asset, &json!({"w": 120, "format": "avif"})).await;
    // Nothing can be decoded until all of them wait.
    let slots = app.services().pixel_slots.available_permits();
    let held = app
        .services()
        .pixel_slots
        .acquire_many(slots as u32)
        .await
        .unwrap();
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

async fn a_client_that_leaves_before_its_turn_costs_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let left = sign(&app, &asset, &json!({"w": 50, "format": "png"})).await;
    let stayed = sign(&app, &asset, &json!({"w": 51, "format": "png"})).await;
    let slots = app.services().pixel_slots.available_permits();
    let held = app
        .services()
        .pixel_slots
        .acquire_many(slots as u32)
        .await
        .unwrap();
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

async fn a_picture_that_went_bad_is_told_and_can_be_asked_for_again(db: Db) {
    let app = TestApp::start(db).await;
    let asset = photo(&app).await;
    let signed = sign(&app, &asset, &json!({"w": 50, "format": "png"})).await;
    let file = app
        .data_dir()
        .join("objects")
        .join(asset["r2_key"].as_str().unwrap());
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    let error = get(&signed)
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("damaged"),
        "{error}"
    );
    std::fs::remove_file(&file).unwrap();
    get(&signed)
        .send()
        .await
        .assert_error(500, "INTERNAL_ERROR");
    assert!(results(&app).is_empty());
    std::fs::write(&file, &good).unwrap();
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
