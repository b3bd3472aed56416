//! Uploads whose bytes arrive in pieces, by the tus protocol: each rule of it.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, TestApp, on_both_databases, wait_until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

on_both_databases!(
    pieces_become_an_asset,
    sessions_say_which_way_their_bytes_take,
    requests_that_break_the_protocol_are_refused,
    what_is_spoken_is_told,
    a_creation_begins_afresh,
    bytes_with_a_wrong_checksum_are_not_kept,
    of_two_at_once_one_waits,
    who_asks_for_the_offset_ends_what_hangs,
    a_body_cut_off_halfway_is_gone_on_from,
    more_bytes_than_declared_are_refused,
    an_upload_that_began_in_time_goes_on_until_it_is_swept,
    wrong_bytes_are_not_gone_on_from,
    a_plain_put_serves_too,
    a_session_that_is_given_up_leaves_nothing,
    other_ways_to_name_a_method,
    an_end_that_was_not_noted_is_made_up_for,
);

const APPENDED: &str = "application/offset+octet-stream";

/// A PNG of at least `size` bytes: what follows its end belongs to nobody.
fn png(size: usize) -> Vec<u8> {
    let mut bytes = sample::gradient_png(32, 32);
    bytes.extend((bytes.len()..size).map(|at| (at * at / 5) as u8));
    bytes
}

async fn create(app: &TestApp, size_bytes: usize) -> (String, String) {
    let body = json!({
        "filename": "big.png", "mime_type": "image/png", "size_bytes": size_bytes, "resumable": true,
    });
    let session = app.post("/v1/asset-uploads", &body).send().await;
    let session = session.assert(201).json();
    let text = |field: &str| session[field].as_str().unwrap().to_owned();
    (text("asset_id"), text("upload_url"))
}

fn tus(method: &str, url: &str) -> Request {
    Request::new(method, url).header("tus-resumable", "1.0.0")
}

fn patch(url: &str, offset: usize, bytes: &[u8]) -> Request {
    tus("PATCH", url)
        .header("content-type", APPENDED)
        .header("upload-offset", &offset.to_string())
        .body(bytes)
}

#[track_caller]
fn offset_of(response: &Response) -> usize {
    assert_eq!(response.header("tus-resumable"), Some("1.0.0"));
    response.header("upload-offset").unwrap().parse().unwrap()
}

async fn offset(url: &str) -> usize {
    let head = tus("HEAD", url).send().await.assert(200);
    assert_eq!(head.header("cache-control"), Some("no-store"));
    offset_of(&head)
}

async fn assert_asset(app: &TestApp, id: &str, bytes: &[u8]) -> Value {
    let asset = app.confirm(id).await.assert(201).json();
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(bytes)));
    let url = asset["url"].as_str().unwrap();
    let kept = Request::new("GET", url).send().await.assert(200).body;
    assert!(kept == bytes, "{} bytes came back", kept.len());
    asset
}

async fn pieces_become_an_asset(db: Db) {
    let mut app = TestApp::start(db).await;
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
    assert_eq!(asset["width"], 32);
    assert_eq!(app.confirm(&id).await.assert(201).json()["id"], asset["id"]);
    assert_eq!(
        offset(&url).await,
        whole.len(),
        "after the confirmation too"
    );
    let late = patch(&url, whole.len(), b"").send().await;
    late.assert_error(409, "CONFLICT");
    assert_eq!(app.objects().len(), 2, "{:?}", app.objects());
    app.stop().await;
}

async fn sessions_say_which_way_their_bytes_take(db: Db) {
    let app = TestApp::start_with(db, |settings| settings.max_resumable_bytes = 60_000_000).await;
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

async fn requests_that_break_the_protocol_are_refused(db: Db) {
    let app = TestApp::start(db).await;
    let (_, url) = create(&app, 100).await;
    for version in [None, Some("0.2.2"), Some("2.0.0"), Some("")] {
        for method in ["HEAD", "POST", "PATCH", "DELETE"] {
            let mut request = Request::new(method, &url)
                .header("upload-offset", "0")
                .header("upload-length", "100")
                .header("content-type", APPENDED);
            if let Some(version) = version {
                request = request.header("tus-resumable", version);
            }
            let refused = request.send().await.assert(412);
            assert_eq!(refused.header("tus-version"), Some("1.0.0"), "{method}");
            assert_eq!(refused.header("tus-resumable"), Some("1.0.0"), "{method}");
        }
    }
    type Case = (&'static [(&'static str, &'static str)], u16, &'static str);
    let cases: &[Case] = &[
        (&[("content-type", APPENDED)], 400, "BAD_REQUEST"),
        (
            &[("content-type", APPENDED), ("upload-offset", "-1")],
            400,
            "BAD_REQUEST",
        ),
        (
            &[("content-type", APPENDED), ("upload-offset", "+0")],
            400,
            "BAD_REQUEST",
        ),
        (
            &[("content-type", APPENDED), ("upload-offset", "x")],
            400,
            "BAD_REQUEST",
        ),
        (
            &[("content-type", APPENDED), ("upload-offset", "")],
            400,
            "BAD_REQUEST",
        ),
        (
            &[
                ("content-type", APPENDED),
                ("upload-offset", "99999999999999999999999"),
            ],
            400,
            "BAD_REQUEST",
        ),
        (&[("upload-offset", "0")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            &[("content-type", "image/png"), ("upload-offset", "0")],
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            &[("content-type", APPENDED), ("upload-offset", "1")],
            409,
            "CONFLICT",
        ),
        (
            &[("content-type", APPENDED), ("upload-offset", "101")],
            409,
            "CONFLICT",
        ),
    ];
    for (headers, status, code) in cases {
        let mut request = tus("PATCH", &url).body("abc");
        for (name, value) in *headers {
            request = request.header(name, value);
        }
        let refused = request.send().await;
        assert_eq!(refused.header("tus-resumable"), Some("1.0.0"));
        refused.assert_error(*status, code);
    }
    let created = |length: &str| tus("POST", &url).header("upload-length", length);
    for length in ["99", "101", "-1", "x", "0"] {
        let refused = created(length).send().await;
        refused.assert_error(400, "BAD_REQUEST");
    }
    let refused = created("5368709121").send().await;
    refused.assert_error(413, "PAYLOAD_TOO_LARGE");
    let refused = tus("POST", &url).send().await;
    refused.assert_error(400, "BAD_REQUEST");
    let refused = tus("POST", &url)
        .header("upload-defer-length", "1")
        .send()
        .await;
    refused.assert_error(400, "BAD_REQUEST");
    let refused = created("100")
        .header("content-type", "image/png")
        .body("abc")
        .send()
        .await;
    refused.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(offset(&url).await, 0, "nothing of all this was kept");

    let changed = url.replace("size=100", "size=101");
    for method in ["HEAD", "POST", "PATCH", "DELETE"] {
        let request = tus(method, &changed)
            .header("upload-offset", "0")
            .header("upload-length", "101")
            .header("content-type", APPENDED);
        request.send().await.assert(403);
    }
    // The URL of an asset is not one for an upload.
    let asset = app.asset("image/png", &png(100)).await;
    let download = asset["url"].as_str().unwrap();
    patch(download, 0, b"x")
        .send()
        .await
        .assert_error(403, "SIGNATURE_INVALID");
    tus("DELETE", download)
        .send()
        .await
        .assert_error(403, "SIGNATURE_INVALID");
    app.stop().await;
}

async fn what_is_spoken_is_told(db: Db) {
    for cors in ["", "https://app.example.com"] {
        let app = TestApp::start_with(db, |settings| settings.cors = cors.parse().unwrap()).await;
        let (_, url) = create(&app, 100).await;
        // SPEC: a client may ask this without saying its own version.
        let told = Request::new("OPTIONS", &url).send().await.assert(204);
        for (name, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-max-size", "5368709120"),
            ("tus-checksum-algorithm", "sha1,sha256"),
            (
                "tus-extension",
                "creation,creation-with-upload,checksum,expiration,termination",
            ),
        ] {
            assert_eq!(told.header(name), Some(value));
        }
        assert!(told.header("runflow-request-id").is_some());
        if cors.is_empty() {
            app.stop().await;
            continue;
        }
        let question = Request::new("OPTIONS", &url)
            .header("origin", cors)
            .header("access-control-request-method", "PATCH")
            .header(
                "access-control-request-headers",
                "tus-resumable,upload-offset",
            );
        let allowed = question.send().await.assert(200);
        let methods = allowed.header("access-control-allow-methods").unwrap();
        for method in ["HEAD", "PATCH", "POST", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = allowed.header("access-control-allow-headers").unwrap();
        for header in [
            "tus-resumable",
            "upload-offset",
            "upload-length",
            "upload-metadata",
            "upload-checksum",
            "x-http-method-override",
            "content-type",
        ] {
            assert!(headers.contains(header), "{headers}");
        }
        let head = tus("HEAD", &url)
            .header("origin", cors)
            .send()
            .await
            .assert(200);
        let exposed = head.header("access-control-expose-headers").unwrap();
        for header in [
            "upload-offset",
            "upload-length",
            "location",
            "tus-resumable",
            "tus-version",
            "tus-extension",
            "tus-max-size",
            "tus-checksum-algorithm",
            "upload-expires",
        ] {
            assert!(exposed.contains(header), "{exposed}");
        }
        app.stop().await;
    }
}

async fn a_creation_begins_afresh(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(10_000);
    let (id, url) = create(&app, whole.len()).await;
    let begin = || {
        tus("POST", &url)
            .header("upload-length", "10000")
            .header("upload-metadata", "filename d29ybGQ=,is_confidential")
    };
    let created = begin().send().await.assert(201);
    assert_eq!(created.header("location"), Some(url.as_str()));
    patch(&url, 0, &[b'x'; 500]).send().await.assert(204);
    // With the first bytes in it.
    let with_bytes = begin()
        .header("content-type", APPENDED)
        .body(&whole[..4000]);
    let created = with_bytes.send().await.assert(201);
    assert_eq!(offset_of(&created), 4000);
    assert_eq!(created.header("location"), Some(url.as_str()));
    assert_eq!(app.objects().len(), 1, "what was there before is gone");
    patch(&url, 4000, &whole[4000..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    begin().send().await.assert_error(409, "CONFLICT");
    // All of it in the creation.
    let (id, url) = create(&app, whole.len()).await;
    let all = tus("POST", &url)
        .header("upload-length", "10000")
        .header("content-type", APPENDED);
    let created = all.body(&whole[..]).send().await.assert(201);
    assert_eq!(offset_of(&created), whole.len());
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn bytes_with_a_wrong_checksum_are_not_kept(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(5_000);
    let (id, url) = create(&app, whole.len()).await;
    let right = |bytes: &[u8]| format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(bytes)));
    let send = |at: usize, bytes: &[u8], checksum: &str| {
        patch(&url, at, bytes).header("upload-checksum", checksum)
    };
    let done = send(0, &whole[..2000], &right(&whole[..2000])).send().await;
    done.assert(204);
    let wrong = send(2000, &whole[2000..], &right(b"something else"))
        .send()
        .await;
    let error = wrong.assert_error(460, "CHECKSUM_MISMATCH");
    assert!(error["message"].as_str().unwrap().contains("offset 2000"));
    assert_eq!(offset(&url).await, 2000);
    // SHA-1 of "hello", and of nothing that is sent here.
    let sha1 = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let wrong = send(2000, &whole[2000..], sha1).send().await;
    wrong.assert_error(460, "CHECKSUM_MISMATCH");
    for checksum in [
        "md5 kAFQmDzST7DWlj99KOF/cg==",
        "sha1",
        "sha1 !!",
        "sha256 AAAA",
        "",
        "é",
    ] {
        let refused = send(2000, &whole[2000..], checksum).send().await;
        refused.assert_error(400, "BAD_REQUEST");
    }
    // What breaks off cannot be checked, so nothing of it is kept either.
    let checksum = right(&whole[2000..]);
    drop(send(2000, &whole[2000..], &checksum).begin(1500).await);
    assert_eq!(offset(&url).await, 2000);
    let done = send(2000, &whole[2000..], &checksum).send().await;
    done.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn of_two_at_once_one_waits(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(200_000);
    let (id, url) = create(&app, whole.len()).await;
    let first = patch(&url, 0, &whole).begin(100_000).await;
    // The first one is at work when the other is refused.
    let other = vec![b'z'; whole.len()];
    let url_ref = &url;
    wait_until("the second to be refused", || async {
        let answer = patch(url_ref, 0, &other)
            .announcing(whole.len())
            .begin(0)
            .await;
        let probe = tus("PATCH", url_ref)
            .header("content-type", APPENDED)
            .header("upload-offset", "0")
            .body("");
        drop(answer);
        (probe.send().await.status == 423).then_some(())
    })
    .await;
    let refused = patch(&url, 0, &other).send().await;
    refused.assert_error(423, "UPLOAD_LOCKED");
    let done = first.finish().await.assert(204);
    assert_eq!(offset_of(&done), whole.len());
    assert_asset(&app, &id, &whole).await;

    // Many at once from the same place: each byte is of one of them.
    let (id, url) = create(&app, whole.len()).await;
    let sending = (0..8).map(|_| tokio::spawn(patch(&url, 0, &whole).send()));
    let mut done = 0;
    for sent in sending.collect::<Vec<_>>() {
        let status = sent.await.unwrap().status;
        assert!(matches!(status, 204 | 409 | 413 | 423), "{status}");
        done += usize::from(status == 204);
    }
    assert_eq!(done, 1);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn who_asks_for_the_offset_ends_what_hangs(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(300_000);
    let (id, url) = create(&app, whole.len()).await;
    let hanging = patch(&url, 0, &whole).begin(200_000).await;
    let url_ref = &url;
    let at = wait_until("some bytes to be kept", || async move {
        let at = offset(url_ref).await;
        (at > 0).then_some(at)
    })
    .await;
    assert!(at <= 200_000);
    let ended = hanging.finish().await;
    assert_eq!(ended.status, 400);
    patch(&url, at, &whole[at..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn a_body_cut_off_halfway_is_gone_on_from(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(900_000);
    let (id, url) = create(&app, whole.len()).await;
    let mut at = 0;
    for _ in 0..5 {
        let rest = &whole[at..];
        drop(patch(&url, at, rest).begin(100_000).await);
        let (url, before) = (&url, at);
        at = wait_until("what arrived to be kept", || async move {
            let at = offset(url).await;
            (at > before).then_some(at)
        })
        .await;
    }
    patch(&url, at, &whole[at..]).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn more_bytes_than_declared_are_refused(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(1000);
    let (id, url) = create(&app, whole.len()).await;
    let long = [&whole[..], b"x"].concat();
    patch(&url, 0, &long)
        .send()
        .await
        .assert_error(413, "PAYLOAD_TOO_LARGE");
    let chunked = tus("PATCH", &url)
        .header("content-type", APPENDED)
        .header("upload-offset", "0")
        .chunked(&long[..]);
    chunked.send().await.assert_error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(offset(&url).await, 0);
    let chunked = tus("PATCH", &url)
        .header("content-type", APPENDED)
        .header("upload-offset", "0")
        .chunked(&whole[..]);
    chunked.send().await.assert(204);
    patch(&url, 1000, b"x")
        .send()
        .await
        .assert_error(413, "PAYLOAD_TOO_LARGE");
    patch(&url, 1000, b"").send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn an_upload_that_began_in_time_goes_on_until_it_is_swept(db: Db) {
    let app = TestApp::start(db).await;
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

async fn wrong_bytes_are_not_gone_on_from(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(3000);
    let (id, url) = create(&app, whole.len()).await;
    let wrong = vec![b'x'; whole.len()];
    patch(&url, 0, &wrong).send().await.assert(204);
    app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(app.objects().len(), 0);
    assert_eq!(offset(&url).await, 0);
    patch(&url, 0, &whole).send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn a_plain_put_serves_too(db: Db) {
    let app = TestApp::start(db).await;
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

async fn a_session_that_is_given_up_leaves_nothing(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(3000);
    let (id, url) = create(&app, whole.len()).await;
    patch(&url, 0, &whole[..100]).send().await.assert(204);
    let gone = tus("DELETE", &url).send().await.assert(204);
    assert_eq!(gone.header("tus-resumable"), Some("1.0.0"));
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

async fn other_ways_to_name_a_method(db: Db) {
    let app = TestApp::start(db).await;
    let whole = png(3000);
    let (id, url) = create(&app, whole.len()).await;
    let posted = |method: &str| tus("POST", &url).header("x-http-method-override", method);
    let patched = posted("PATCH")
        .header("content-type", APPENDED)
        .header("upload-offset", "0")
        .body(&whole[..]);
    assert_eq!(offset_of(&patched.send().await.assert(204)), whole.len());
    assert_eq!(
        offset_of(&posted("HEAD").send().await.assert(200)),
        whole.len()
    );
    posted("OPTIONS").send().await.assert(204);
    posted("PUT")
        .send()
        .await
        .assert_error(405, "METHOD_NOT_ALLOWED");
    assert_asset(&app, &id, &whole).await;
    let (_, url) = create(&app, whole.len()).await;
    let deleted = tus("POST", &url).header("x-http-method-override", "DELETE");
    deleted.send().await.assert(204);
    app.stop().await;
}

/// The process died between the last byte and the session's row.
async fn an_end_that_was_not_noted_is_made_up_for(db: Db) {
    let app = TestApp::start(db).await;
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
