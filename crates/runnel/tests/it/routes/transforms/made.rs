//! What is made of a picture, and what is refused.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::time::Duration;

use runnel_media::{Budget, MediaType, probe, sample, sniff};
use runnel_testkit::{
    Request, Setup, TestApp, on_both_databases, with_a_bucket_too, with_files_served_too,
};
use serde_json::json;

use super::{get, id, photo, pixels, results, sign, sign_request};

on_both_databases!(
    a_transform_is_made_when_it_is_fetched_and_served_from_storage_then,
    fits_and_formats_are_what_was_asked_for,
    auto_goes_by_what_the_client_accepts,
    wrong_fields_are_told_one_by_one,
);

with_a_bucket_too!(fits_and_formats_are_what_was_asked_for,);

with_files_served_too!(
    a_transform_is_made_when_it_is_fetched_and_served_from_storage_then,
    auto_goes_by_what_the_client_accepts,
);

async fn a_transform_is_made_when_it_is_fetched_and_served_from_storage_then(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = photo(&app).await;
    let wish = json!({"w": 90, "h": 60, "format": "webp", "expires_in": 600, "more": 1});
    let signed = sign(&app, &asset, &wish).await;
    assert_eq!(
        (&signed["width"], &signed["height"]),
        (&json!(90), &json!(60))
    );
    let expires_at = app.services().now().plus(Duration::from_mins(10));
    assert_eq!(signed["expires_at"], expires_at.to_rfc3339());
    assert!(results(&app).is_empty(), "signing makes nothing");
    let first = get(&signed).send().await.assert(200);
    assert_eq!(first.header("content-type"), Some("image/webp"));
    assert_eq!((pixels(&first).width(), pixels(&first).height()), (90, 60));
    let [stored] = &results(&app)[..] else {
        panic!("{:?}", results(&app));
    };
    assert_eq!(std::fs::read(stored).unwrap(), first.body);
    let key = asset["r2_key"].as_str().unwrap();
    let beside = &app.object(key);
    assert!(stored.starts_with(beside.parent().unwrap()));

    // What lies there is served, not made anew: nothing else could serve this.
    std::fs::write(stored, b"as it lies there").unwrap();
    std::fs::rename(beside, app.data_dir().join("away")).unwrap();
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
    std::fs::rename(app.data_dir().join("away"), beside).unwrap();
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

async fn fits_and_formats_are_what_was_asked_for(setup: Setup) {
    let app = TestApp::start(setup).await;
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
        let answer = get(&signed).send().await.followed().await.assert(200);
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

async fn auto_goes_by_what_the_client_accepts(setup: Setup) {
    let app = TestApp::start(setup).await;
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

async fn wrong_fields_are_told_one_by_one(setup: Setup) {
    let app = TestApp::start(setup).await;
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
