//! Storage URLs that somebody changed, mixed or made up.

use std::time::Duration;

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases};
use serde_json::json;

on_both_databases!(
    no_part_of_an_upload_url_can_be_changed,
    signatures_open_what_they_were_made_for_and_nothing_else,
    made_up_paths_and_numbers_are_refused_calmly,
    an_expiry_cannot_be_moved,
);

fn put(url: &str, body: &[u8]) -> Request {
    Request::new("PUT", url)
        .header("content-type", "image/png")
        .body(body)
}

async fn refused(request: Request) {
    request.send().await.assert_error(403, "SIGNATURE_INVALID");
}

/// Every parameter of a URL changed, left out, emptied and doubled.
fn changed(url: &str) -> Vec<String> {
    let (path, query) = url.split_once('?').unwrap();
    let pairs: Vec<(&str, &str)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    let mut all = vec![
        path.to_owned(),
        format!("{path}?"),
        format!("{url}&x=1"),
        format!("{url}%20"),
    ];
    for (index, (name, value)) in pairs.iter().enumerate() {
        for other in [
            None,
            Some(format!("{name}=")),
            Some(format!("{name}={value}&{name}={value}")),
            Some(format!("{name}={value}0")),
            Some(format!("{name}=0{value}")),
            Some(format!("{name}={}", &value[1..])),
            Some(format!("{}={value}", name.to_uppercase())),
        ] {
            let mut parts: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            match other {
                Some(other) => parts[index] = other,
                None => drop(parts.remove(index)),
            }
            all.push(format!("{path}?{}", parts.join("&")));
        }
    }
    all
}

async fn no_part_of_an_upload_url_can_be_changed(db: Db) {
    let app = TestApp::start(db).await;
    let (id, url) = app.create_upload("image/png", 4).await;
    for url in changed(&url) {
        refused(put(&url, b"abcd")).await;
    }
    assert!(app.objects().is_empty(), "{:?}", app.objects());
    app.confirm(&id).await.assert_error(409, "CONFLICT");
    put(&url, b"abcd").send().await.assert(200);
    app.stop().await;
}

async fn signatures_open_what_they_were_made_for_and_nothing_else(db: Db) {
    let app = TestApp::start(db).await;
    let png = sample::gradient_png(600, 20);
    let (one, other) = (
        app.asset("image/png", &png).await,
        app.asset("image/png", &png).await,
    );
    let of = |asset: &serde_json::Value, field: &str| asset[field].as_str().unwrap().to_owned();
    let (url, thumbnail) = (of(&one, "url"), of(&one, "thumbnail_url"));
    let mixed = |path_of: &str, query_of: &str| {
        let path = path_of.split_once('?').unwrap().0;
        format!("{path}?{}", query_of.split_once('?').unwrap().1)
    };
    for url in [
        mixed(&of(&other, "url"), &url),
        mixed(&thumbnail, &url),
        mixed(&url, &thumbnail),
        mixed(&of(&other, "thumbnail_url"), &thumbnail),
    ] {
        refused(Request::new("GET", &url)).await;
        Request::new("HEAD", &url).send().await.assert(403);
    }
    for changed in changed(&url) {
        refused(Request::new("GET", &changed)).await;
    }
    let (_, upload) = app.create_upload("image/png", png.len()).await;
    refused(Request::new("GET", &upload)).await;
    refused(put(&url, &png)).await;
    refused(put(&mixed(&upload, &url), &png)).await;
    refused(put(&mixed(&url, &upload), &png)).await;
    for method in ["POST", "PATCH", "DELETE"] {
        let answer = Request::new(method, &url).send().await;
        answer.assert_error(405, "METHOD_NOT_ALLOWED");
    }
    let wish = json!({"w": 90, "h": 20, "fit": "cover", "format": "png", "q": 70});
    let path = format!("/v1/assets/{}/urls", of(&one, "id"));
    let signed = app.post(&path, &wish).send().await.assert(201).json();
    let transform = of(&signed, "url");
    for url in changed(&transform) {
        refused(Request::new("GET", &url)).await;
    }
    for mixed in [
        mixed(&of(&other, "url"), &transform),
        mixed(&thumbnail, &transform),
        format!("{url}&w=90"),
        transform.replace("w=90", "w=8192"),
    ] {
        refused(Request::new("GET", &mixed)).await;
    }
    Request::new("GET", &transform).send().await.assert(200);
    // A key opens nothing here: the URL alone does.
    let path = url.split_once('?').unwrap().0;
    refused(Request::new("GET", path).key(app.key())).await;
    assert_eq!(Request::new("GET", &url).send().await.assert(200).body, png);
    app.stop().await;
}

async fn made_up_paths_and_numbers_are_refused_calmly(db: Db) {
    let app = TestApp::start(db).await;
    let before = app.objects();
    let query = format!(
        "expires=9999999999&size=4&type=image%2Fpng&signature={}",
        "0".repeat(64)
    );
    for path in [
        "x",
        "..",
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/runnel.db",
        "%00",
        "%ff%fe",
        ".staging/x",
        "a//b",
        "/etc/passwd",
        &"x/".repeat(2000),
        &"x".repeat(8000),
    ] {
        for query in [query.as_str(), ""] {
            let url = app.url(&format!("/storage/{path}?{query}"));
            refused(put(&url, b"abcd")).await;
            refused(Request::new("GET", &url)).await;
        }
    }
    for number in [
        "-1",
        "0",
        "1e9",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999",
    ] {
        let query = format!(
            "expires={number}&size={number}&type=image%2Fpng&signature={}",
            "0".repeat(64)
        );
        refused(put(&app.url(&format!("/storage/x?{query}")), b"abcd")).await;
    }
    let long = format!("/storage/x?signature={}", "0".repeat(20_000));
    refused(Request::new("GET", &app.url(&long))).await;
    assert_eq!(app.objects(), before);
    app.stop().await;
}

async fn an_expiry_cannot_be_moved(db: Db) {
    let app = TestApp::start(db).await;
    let (_, url) = app.create_upload("image/png", 4).await;
    app.advance(Duration::from_hours(1));
    // What this server did sign is told apart from what it did not.
    put(&url, b"abcd")
        .send()
        .await
        .assert_error(403, "URL_EXPIRED");
    let expires = url
        .split("expires=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let later = (expires.parse::<i64>().unwrap() + 3600).to_string();
    refused(put(&url.replace(expires, &later), b"abcd")).await;
    assert!(app.objects().is_empty());
    app.stop().await;
}
