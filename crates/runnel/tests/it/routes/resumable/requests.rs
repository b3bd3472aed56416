//! Single requests of the tus protocol: each rule, kept and broken.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use runnel_testkit::{Request, Setup, TestApp, on_both_databases, wait_until, with_a_bucket_too};
use sha2::{Digest, Sha256};

use super::{APPENDED, assert_asset, create, offset, offset_of, patch, png, tus};

on_both_databases!(
    requests_that_break_the_protocol_are_refused,
    what_is_spoken_is_told,
    a_creation_begins_afresh,
    bytes_with_a_wrong_checksum_are_not_kept,
    more_bytes_than_declared_are_refused,
    other_ways_to_name_a_method,
);

with_a_bucket_too!(
    what_is_spoken_is_told,
    a_creation_begins_afresh,
    bytes_with_a_wrong_checksum_are_not_kept,
    more_bytes_than_declared_are_refused,
    other_ways_to_name_a_method,
);

async fn requests_that_break_the_protocol_are_refused(setup: Setup) {
    let app = TestApp::start(setup).await;
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
    let asset = app.asset("image/png", &png(300)).await;
    let download = asset["url"].as_str().unwrap();
    for method in ["POST", "PATCH", "DELETE"] {
        let refused = tus(method, download).send().await;
        assert_eq!(refused.header("allow"), Some("GET, HEAD"), "{method}");
        refused.assert_error(405, "METHOD_NOT_ALLOWED");
    }
    let refused = tus("POST", &url).header("x-http-method-override", "MOVE");
    let refused = refused.send().await;
    let allowed = refused.header("allow").unwrap_or_default().to_owned();
    refused.assert_error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(allowed, "OPTIONS, HEAD, PUT, POST, PATCH, DELETE");
    app.stop().await;
}

async fn what_is_spoken_is_told(setup: Setup) {
    for cors in ["", "https://app.example.com"] {
        let app =
            TestApp::start_with(setup, |settings| settings.cors = cors.parse().unwrap()).await;
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

async fn a_creation_begins_afresh(setup: Setup) {
    let app = TestApp::start(setup).await;
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
    app.run_jobs().await;
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

async fn bytes_with_a_wrong_checksum_are_not_kept(setup: Setup) {
    let app = TestApp::start(setup).await;
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
    // What was broken off may reach the server after the look, and takes the turn then.
    let done = wait_until("the turn", || async {
        assert_eq!(offset(&url).await, 2000);
        let answer = send(2000, &whole[2000..], &checksum).send().await;
        (answer.status != 423).then_some(answer)
    })
    .await;
    done.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn more_bytes_than_declared_are_refused(setup: Setup) {
    let app = TestApp::start(setup).await;
    let whole = png(5000);
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
    patch(&url, 5000, b"x")
        .send()
        .await
        .assert_error(413, "PAYLOAD_TOO_LARGE");
    patch(&url, 5000, b"").send().await.assert(204);
    assert_asset(&app, &id, &whole).await;
    app.stop().await;
}

async fn other_ways_to_name_a_method(setup: Setup) {
    let app = TestApp::start(setup).await;
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
