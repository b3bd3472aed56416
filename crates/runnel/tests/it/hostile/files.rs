//! Files that are two things at once, reach for others, end early, or claim to
//! be larger than anything: through the whole way, never a defect.

use runnel_media::sample;
use runnel_testkit::{
    Process, Request, Setup, TestApp, on_both_databases, samples, with_a_bucket_too,
    with_files_served_too,
};
use serde_json::json;

on_both_databases!(
    a_picture_that_is_also_a_script_is_served_as_the_picture,
    what_a_browser_runs_is_not_taken_under_its_own_name,
    a_drawing_that_reaches_out_or_grows_is_harmless,
    files_cut_off_anywhere_are_sound_or_refused,
    a_video_of_ten_hours_is_an_ordinary_one,
    an_archive_is_never_opened,
    names_of_500_characters_in_any_script_come_back,
);

with_a_bucket_too!(
    what_a_browser_runs_is_not_taken_under_its_own_name,
    files_cut_off_anywhere_are_sound_or_refused,
    a_video_of_ten_hours_is_an_ordinary_one,
    an_archive_is_never_opened,
    names_of_500_characters_in_any_script_come_back,
);

with_files_served_too!(
    a_picture_that_is_also_a_script_is_served_as_the_picture,
    a_drawing_that_reaches_out_or_grows_is_harmless,
);

async fn a_picture_that_is_also_a_script_is_served_as_the_picture(setup: Setup) {
    let app = TestApp::start(setup).await;
    // Valid as either: the sides of the screen read `/*`, the script follows.
    let mut gif = sample::gif_two_frames();
    gif.extend_from_slice(b"*/=1;alert(document.domain)//<script>alert(1)</script>");
    let mut png = sample::gradient_png(8, 8);
    png.extend_from_slice(b"<html><script>alert(1)</script></html>");
    let mut jpeg = sample::noise_jpeg(16, 16);
    jpeg.extend_from_slice(b"PK\x03\x04 and an archive, %PDF-1.4 and a document");
    for (mime_type, bytes) in [("image/gif", gif), ("image/png", png), ("image/jpeg", jpeg)] {
        let asset = app.asset(mime_type, &bytes).await;
        assert_eq!(
            (&asset["mime_type"], &asset["asset_type"]),
            (&json!(mime_type), &json!("image"))
        );
        let url = asset["url"].as_str().unwrap();
        let got = Request::new("GET", url).send().await.assert(200);
        assert_eq!(got.body, bytes);
        assert_eq!(got.header("content-type"), Some(mime_type));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        let policy = got.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
    }
    app.stop().await;
}

async fn what_a_browser_runs_is_not_taken_under_its_own_name(setup: Setup) {
    let app = TestApp::start(setup).await;
    for mime_type in [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "text/xml",
        "application/javascript",
        "application/x-sh",
        "application/octet-stream",
        "image",
        "image/svg+xml+html",
    ] {
        let body = json!({"filename": "a.png", "mime_type": mime_type, "size_bytes": 10});
        let error = app.post("/v1/asset-uploads", &body).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(
            error["errors"][0]["loc"],
            json!(["body", "mime_type"]),
            "{mime_type}"
        );
    }
    app.stop().await;
}

async fn a_drawing_that_reaches_out_or_grows_is_harmless(setup: Setup) {
    let app = TestApp::start(setup).await;
    let svg = |inner: &str| {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="48">{inner}<rect width="9" height="9" fill="#00f"/></svg>"##
        )
    };
    let external = r#"<image xlink:href="file:///etc/passwd" width="9" height="9"/><image href="http://127.0.0.1:9/a.png" width="9" height="9"/>"#;
    let entities = (1..10).fold("<!ENTITY l0 'lol'>".to_owned(), |text, level| {
        let before = format!("&l{};", level - 1).repeat(10);
        text + &format!("<!ENTITY l{level} '{before}'>")
    });
    let laughs = format!("<!DOCTYPE svg [{entities}]>{}", svg("<text>&l9;</text>"));
    let secret = r#"<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;
    let secret = format!("{secret}{}", svg("<text>&x;</text>"));
    let uses = (1..30).fold(
        r#"<g id="u0"><rect width="1" height="1"/></g>"#.to_owned(),
        |text, level| {
            let before = format!(r##"<use xlink:href="#u{}"/>"##, level - 1).repeat(2);
            text + &format!(r#"<g id="u{level}">{before}</g>"#)
        },
    );
    let huge = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="1e9"/>"#;
    for (what, drawing) in [
        ("a script", svg("<script>alert(1)</script>")),
        ("an event", svg(r#"<g onload="alert(1)"/>"#)),
        ("other files", svg(external)),
        ("a billion laughs", laughs),
        ("a file as an entity", secret),
        ("a billion uses", svg(&uses)),
        (
            "no end",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><g>".repeat(10_000),
        ),
        ("huge sides", huge.to_owned()),
    ] {
        let id = app.upload("image/svg+xml", drawing.as_bytes()).await;
        let answer = app.confirm(&id).await;
        if answer.status == 422 {
            answer.assert_error(422, "VALIDATION_ERROR");
            continue;
        }
        let asset = answer.assert(201).json();
        let got = Request::new("GET", asset["url"].as_str().unwrap());
        let got = got.send().await.assert(200);
        let disposition = got.header("content-disposition").unwrap();
        assert!(
            disposition.starts_with("attachment"),
            "{what}: {disposition}"
        );
        let policy = got.header("content-security-policy").unwrap();
        assert!(policy.contains("sandbox"), "{what}: {policy}");
    }
    app.stop().await;
}

async fn files_cut_off_anywhere_are_sound_or_refused(setup: Setup) {
    let app = TestApp::start(setup).await;
    for (mime_type, step) in [
        ("video/mp4", 1000),
        ("image/heic", 400),
        ("image/avif", 400),
        ("video/webm", 5000),
        ("audio/mpeg", 4000),
        ("application/pdf", 200),
    ] {
        let whole = samples::of(mime_type);
        for length in (1..whole.len()).step_by(step) {
            let id = app.upload(mime_type, &whole[..length]).await;
            let answer = app.confirm(&id).await;
            if answer.status == 201 {
                assert_eq!(answer.json()["mime_type"], mime_type);
            } else {
                let error = answer.assert_error(422, "VALIDATION_ERROR");
                assert!(
                    error["message"].is_string(),
                    "{mime_type} {length}: {error}"
                );
            }
        }
    }
    app.run_jobs().await;
    app.stop().await;
}

async fn a_video_of_ten_hours_is_an_ordinary_one(setup: Setup) {
    let app = TestApp::start(setup).await;
    let asset = app.asset("video/mp4", samples::video_of_ten_hours()).await;
    assert_eq!(asset["duration_ms"], 36_000_000);
    assert!(asset["thumbnail_url"].is_string(), "{asset}");
    app.stop().await;
}

async fn an_archive_is_never_opened(setup: Setup) {
    let app = TestApp::start(setup).await;
    // One entry that claims 4 GiB, and nothing behind its head that makes sense.
    let mut bomb = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bomb.extend_from_slice(&1000_u32.to_le_bytes());
    bomb.extend_from_slice(&u32::MAX.to_le_bytes());
    bomb.extend_from_slice(&[4, 0, 0, 0]);
    bomb.extend_from_slice(b"zero");
    bomb.resize(5000, 0xff);
    let asset = app.asset("application/zip", &bomb).await;
    assert_eq!(
        (&asset["asset_type"], &asset["size_bytes"]),
        (&json!("archive"), &json!(5000))
    );
    assert!(asset["thumbnail_url"].is_null());
    assert_eq!(app.objects().len(), 1);
    app.stop().await;
}

async fn names_of_500_characters_in_any_script_come_back(setup: Setup) {
    let app = TestApp::start(setup).await;
    let gif = sample::gif_two_frames();
    for letter in [
        "a", "ß", "Ж", "Ω", "א", "ع", "ह", "ก", "中", "あ", "한", "Ⴀ", "አ", "ᚠ", "𐍈", "🦀",
        "\u{301}",
    ] {
        if setup == Setup::BUCKET && letter == "a" {
            // s3s-fs names a file after the whole key, which is longer here than file
            // systems take; other stores take it.
            continue;
        }
        let name = letter.repeat(500);
        let create = |name: &str| {
            let body = json!({"filename": name, "mime_type": "image/gif", "size_bytes": gif.len()});
            app.post("/v1/asset-uploads", &body)
        };
        let session = create(&name).send().await.assert(201).json();
        let url = session["upload_url"].as_str().unwrap();
        assert!(url.len() < 2000, "{url}");
        let put = Request::new("PUT", url).header("content-type", "image/gif");
        put.body(gif.as_slice()).send().await.assert(200);
        let id = session["asset_id"].as_str().unwrap();
        assert_eq!(app.confirm(id).await.assert(201).json()["name"], name);
        let read = app.get(&format!("/v1/assets/{id}")).send().await;
        let read = read.assert(200).json();
        assert_eq!(read["name"], name);
        let url = read["url"].as_str().unwrap();
        // What proxies let through, and some to spare.
        assert!(url.len() < 4000, "{} bytes: {url}", url.len());
        let got = Request::new("GET", url).send().await.assert(200);
        let disposition = got.header("content-disposition").unwrap();
        assert!(disposition.len() < 1200, "{disposition}");
        let error = create(&letter.repeat(501)).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], "filename");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_do_not_take_the_servers_memory() {
    const KEY: &str = "rf_live_0123456789abcdefghijBOMB";
    const MOST: u64 = 300 << 20;
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &folder.path().join("data"),
        &[("RUNNEL_BOOTSTRAP_API_KEY", KEY), ("RUNNEL_LOG", "error")],
    );
    let post = |path: &str| Request::new("POST", &server.url(path)).key(KEY);
    let bombs = [
        ("image/png", sample::huge_header_png(50_000, 50_000)),
        ("image/png", sample::huge_header_png(65_535, 1)),
        ("image/gif", sample::gif_of_frames(10_001)),
        ("image/webp", sample::webp_of_frames(2_000)),
        ("image/avif", sample::avif_header(60_000, 60_000, None)),
        ("image/bmp", huge_bmp()),
        ("image/tiff", tiff_of_huge_tiles()),
        ("video/mp4", samples::video_of_ten_hours().to_vec()),
    ];
    for (mime_type, bytes) in bombs {
        let body = json!({"filename": "b", "mime_type": mime_type, "size_bytes": bytes.len()});
        let session = post("/v1/asset-uploads").json(&body).send().await;
        let session = session.assert(201).json();
        let put = Request::new("PUT", session["upload_url"].as_str().unwrap());
        let put = put.header("content-type", mime_type).body(bytes);
        put.send().await.assert(200);
        let id = session["asset_id"].as_str().unwrap();
        let answer = post(&format!("/v1/asset-uploads/{id}/confirmations"))
            .send()
            .await;
        assert!(
            matches!(answer.status, 201 | 422),
            "{mime_type}: {answer:?}"
        );
        let held = server.peak_memory();
        assert!(held < MOST, "{mime_type}: {} MiB", held >> 20);
    }
    let (status, _) = server.terminate();
    assert_eq!(status.code(), Some(0));
}

/// A header that announces 900 megapixels, and nothing behind it.
fn huge_bmp() -> Vec<u8> {
    let mut file = sample::bmp(8, 8);
    file[18..22].copy_from_slice(&30_000_u32.to_le_bytes());
    file[22..26].copy_from_slice(&30_000_u32.to_le_bytes());
    file
}

/// A picture within the limits whose one tile is 65,520 pixels a side.
fn tiff_of_huge_tiles() -> Vec<u8> {
    let entries: [(u16, u16, u32); 10] = [
        (256, 4, 1000),     // width
        (257, 4, 1000),     // height
        (258, 3, 8),        // bits a sample
        (259, 3, 1),        // stored as it is
        (262, 3, 1),        // black is zero
        (277, 3, 1),        // one sample a pixel
        (322, 4, 65_520),   // the tile's width
        (323, 4, 65_520),   // and height
        (324, 4, 8),        // where it begins
        (325, 4, u32::MAX), // its length
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        file.extend_from_slice(&tag.to_le_bytes());
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(&1_u32.to_le_bytes());
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&[0; 4]);
    file.resize(4096, 0);
    file
}
