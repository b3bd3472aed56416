//! Assets and their signed URLs.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Request, Setup, TestApp, on_both_databases, with_files_served_too};

on_both_databases!(
    an_asset_is_its_organizations_alone,
    signed_urls_serve_ranges_and_tags,
    signed_urls_end
);

with_files_served_too!(
    an_asset_is_its_organizations_alone,
    signed_urls_serve_ranges_and_tags,
    signed_urls_end
);

async fn an_asset_is_its_organizations_alone(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = app.asset("image/gif", &sample::gif_two_frames()).await;
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let read = app.get(&path).send().await.assert(200).json();
    assert_eq!(read["sha256"].as_str().map(str::len), Some(64));
    let foreign = app.foreign_key().await;
    let theirs = Request::new("GET", &app.url(&path))
        .key(&foreign)
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    let nobodys = app
        .get("/v1/assets/018f4e1a-0000-7000-8000-000000000001")
        .send()
        .await
        .assert_error(404, "ASSET_NOT_FOUND");
    assert_eq!(theirs["code"], nobodys["code"]);
    app.get("/v1/assets/x")
        .send()
        .await
        .assert_error(422, "VALIDATION_ERROR");
    app.stop().await;
}

async fn signed_urls_serve_ranges_and_tags(setup: Setup) {
    let app = TestApp::start(setup).await;
    let png = sample::gradient_png(100, 100);
    let asset = app.asset("image/png", &png).await;
    let url = asset["url"].as_str().unwrap();
    let get = |headers: &[(&str, &str)]| {
        headers
            .iter()
            .fold(Request::new("GET", url), |request, (name, value)| {
                request.header(name, value)
            })
    };
    let whole = get(&[]).send().await.assert(200);
    assert_eq!(whole.body, png);
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(
        whole
            .header("content-security-policy")
            .is_some_and(|policy| policy.contains("sandbox"))
    );
    assert!(
        whole
            .header("content-disposition")
            .is_some_and(|kind| kind.starts_with("inline"))
    );
    let etag = whole.header("etag").unwrap();
    assert!(
        get(&[("if-none-match", etag)])
            .send()
            .await
            .assert(304)
            .body
            .is_empty()
    );
    let part = get(&[("range", "bytes=10-19")]).send().await.assert(206);
    assert_eq!(part.body, png[10..20]);
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 10-19/{}", png.len()).as_str())
    );
    assert_eq!(
        get(&[("range", "bytes=-5")]).send().await.assert(206).body,
        png[png.len() - 5..]
    );
    get(&[("range", "bytes=999999-")]).send().await.assert(416);
    assert_eq!(
        get(&[("range", "bytes=0-1"), ("if-range", "\"other\"")])
            .send()
            .await
            .assert(200)
            .body,
        png
    );
    // RFC 9110, 14.2: a range is asked of GET alone.
    for range in ["bytes=0-", "bytes=2-4", "bytes=999999-"] {
        let head = Request::new("HEAD", url).header("range", range);
        let head = head.send().await.assert(200);
        assert_eq!(
            head.header("content-length"),
            Some(png.len().to_string().as_str())
        );
        assert_eq!(head.header("content-range"), None);
        assert!(head.body.is_empty());
    }
    app.stop().await;
}

async fn signed_urls_end(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = app.asset("image/png", &sample::gradient_png(10, 10)).await;
    let url = asset["url"].as_str().unwrap();
    app.advance(Duration::from_hours(24));
    Request::new("GET", url)
        .send()
        .await
        .assert_error(403, "URL_EXPIRED");
    let fresh = app
        .get(&format!("/v1/assets/{}", asset["id"].as_str().unwrap()))
        .send()
        .await
        .assert(200)
        .json();
    Request::new("GET", fresh["url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    let put = Request::new("PUT", fresh["url"].as_str().unwrap())
        .header("content-type", "image/png")
        .body("abcd");
    put.send().await.assert_error(403, "SIGNATURE_INVALID");
    app.stop().await;
}
