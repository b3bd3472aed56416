//! Every type through the product: uploaded, confirmed, an asset.

use std::collections::BTreeSet;

use runnel_domain::assets::Programs;
use runnel_testkit::samples::{self, DURATION_MS, SIDES, Sample};
use runnel_testkit::{Db, Request, Storage, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(
    every_type_becomes_an_asset_with_what_is_known_of_it,
    what_is_too_long_for_its_type_is_told_before_it_is_sent,
    a_type_may_be_declared_by_any_of_its_names,
    bytes_of_another_type_than_declared_are_refused,
    every_type_becomes_the_same_asset_in_a_bucket,
    one_request_is_enough_for_any_type,
    without_programs_uploads_are_taken_with_fewer_facts,
    models_take_pictures_made_of_pixels_and_say_so,
);

async fn every_type_becomes_an_asset_with_what_is_known_of_it(db: Db) {
    let app = TestApp::start(db).await;
    let listed = app.get("/v1/assets/types").send().await.assert(200).json();
    let mut seen = BTreeSet::new();
    for sample in samples::all() {
        let asset = app.asset(sample.mime_type, &sample.bytes).await;
        check_facts(sample, &asset);
        check_download(sample, &asset).await;
        let rows = listed["items"].as_array().unwrap();
        let row = rows.iter().find(|row| row["mime_type"] == sample.mime_type);
        let row = row.unwrap_or_else(|| panic!("{} is not listed", sample.mime_type));
        assert_eq!(row["asset_type"], sample.asset_type);
        assert_eq!(row["thumbnail"], json!(!asset["thumbnail_url"].is_null()));
        let most = match sample.mime_type {
            "image/svg+xml" => 16 << 20,
            _ => 52_428_800,
        };
        assert_eq!(row["max_size_bytes"], most);
        let (_, extension) = sample.name.rsplit_once('.').unwrap();
        let extensions = row["extensions"].as_array().unwrap();
        assert!(extensions.contains(&json!(extension)), "{row}");
        seen.insert(sample.mime_type);
    }
    let all = listed["items"].as_array().unwrap().len();
    assert_eq!(seen.len(), all, "a type that is listed has no sample");
    assert_eq!(app.run_jobs().await, 0, "nothing was left for later");
    app.stop().await;
}

async fn what_is_too_long_for_its_type_is_told_before_it_is_sent(db: Db) {
    let app = TestApp::start_with(db, |settings| settings.max_upload_bytes = 100 << 20).await;
    let listed = app.get("/v1/assets/types").send().await.assert(200).json();
    let limit = |name: &str| {
        let rows = listed["items"].as_array().unwrap();
        let row = rows.iter().find(|row| row["mime_type"] == name).unwrap();
        row["max_size_bytes"].as_u64().unwrap()
    };
    assert_eq!(limit("image/png"), 100 << 20);
    assert_eq!(limit("image/jpeg"), 64 << 20);
    for (mime_type, resumable) in [
        ("image/svg+xml", false),
        ("image/jpg", true),
        ("image/heif", true),
    ] {
        let create = |size_bytes: u64| {
            let body = json!({
                "filename": "a", "mime_type": mime_type, "size_bytes": size_bytes,
                "resumable": resumable,
            });
            app.post("/v1/asset-uploads", &body)
        };
        let most = if resumable { 64 << 20 } else { 16 << 20 };
        create(most).send().await.assert(201);
        let refused = create(most + 1).send().await;
        let error = refused.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], "size_bytes", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("limit is {most}")), "{message}");
    }
    // Nobody is sent where it would be refused once more.
    let body = json!({"filename": "a", "mime_type": "image/jpeg", "size_bytes": 70 << 20});
    let refused = app.post("/v1/asset-uploads", &body).send().await;
    let error = refused.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(
        error["errors"][0]["msg"],
        "is 73400320, the limit is 67108864"
    );
    app.stop().await;
}

async fn every_type_becomes_the_same_asset_in_a_bucket(db: Db) {
    let app = TestApp::start_on(db, Storage::S3, |_| {}).await;
    for sample in samples::all() {
        let what = sample.mime_type;
        let asset = app.asset(what, &sample.bytes).await;
        check_facts(sample, &asset);
        let url = asset["url"].as_str().unwrap();
        let got = Request::new("GET", url).send().await.assert(200);
        assert_eq!(got.body, sample.bytes, "{what}");
        let Some(small) = asset["thumbnail_url"].as_str() else {
            let has_one = matches!(sample.asset_type, "image" | "video") || what.ends_with("pdf");
            assert!(!has_one, "{what} has no thumbnail");
            continue;
        };
        let small = Request::new("GET", small).send().await.assert(200);
        assert!(small.body.starts_with(b"RIFF"), "{what}");
    }
    assert_eq!(app.run_jobs().await, 0, "nothing was left for later");
    app.stop().await;
}

fn check_facts(sample: &Sample, asset: &Value) {
    let what = sample.mime_type;
    assert_eq!(asset["mime_type"], what);
    assert_eq!(asset["asset_type"], sample.asset_type, "{what}");
    assert_eq!(asset["size_bytes"], sample.bytes.len(), "{what}");
    let has_sides = matches!(sample.asset_type, "image" | "video");
    let sides = has_sides.then_some(SIDES);
    assert_eq!(
        asset["width"],
        json!(sides.map(|(width, _)| width)),
        "{what}"
    );
    assert_eq!(
        asset["height"],
        json!(sides.map(|(_, height)| height)),
        "{what}"
    );
    let has_length = matches!(sample.asset_type, "video" | "audio");
    let length = asset["duration_ms"].as_u64();
    let is_near = |length: u64| length.abs_diff(DURATION_MS) < 100;
    assert_eq!(
        length.is_some_and(is_near),
        has_length,
        "{what}: {length:?}"
    );
    let codec = match what.rsplit('/').next().unwrap() {
        "mp4" if what.starts_with("video") => Some("h264"),
        "quicktime" | "x-matroska" => Some("mpeg4"),
        "webm" => Some("vp8"),
        "mpeg" => Some("mp3"),
        "wav" => Some("pcm_s16le"),
        "flac" => Some("flac"),
        "ogg" => Some("vorbis"),
        "mp4" => Some("aac"),
        _ => None,
    };
    assert_eq!(asset["codec"], json!(codec), "{what}");
    let frames = match what {
        "image/gif" => Some(2),
        _ if sample.asset_type == "image" => Some(1),
        _ => None,
    };
    assert_eq!(asset["frames"], json!(frames), "{what}");
    assert_eq!(
        asset["blurhash"].is_null(),
        asset["thumbnail_url"].is_null(),
        "{what}"
    );
}

async fn check_download(sample: &Sample, asset: &Value) {
    let what = sample.mime_type;
    let url = asset["url"].as_str().unwrap();
    let got = Request::new("GET", url).send().await.assert(200);
    assert_eq!(got.body, sample.bytes, "{what}");
    assert_eq!(got.header("content-type"), Some(what));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    let policy = got.header("content-security-policy").unwrap();
    assert!(
        policy.contains("sandbox") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    // SPEC: media.md, "Storage URLs": what a browser would run is kept as a file.
    let is_active = matches!(
        what,
        "image/svg+xml" | "application/pdf" | "application/zip"
    );
    let kind = if is_active { "attachment" } else { "inline" };
    let disposition = got.header("content-disposition").unwrap();
    assert!(disposition.starts_with(kind), "{what}: {disposition}");
    // What Safari asks for before it plays anything.
    let first = Request::new("GET", url).header("range", "bytes=0-1");
    let first = first.send().await.assert(206);
    assert_eq!(first.body, sample.bytes[..2], "{what}");
    let whole = format!("bytes 0-1/{}", sample.bytes.len());
    assert_eq!(first.header("content-range"), Some(whole.as_str()));
    if let Some(url) = asset["thumbnail_url"].as_str() {
        let small = Request::new("GET", url).send().await.assert(200);
        assert_eq!(small.header("content-type"), Some("image/webp"), "{what}");
        assert!(small.body.starts_with(b"RIFF"), "{what}");
        let shown = small.header("content-disposition").unwrap();
        assert!(shown.starts_with("inline"), "{what}: {shown}");
    }
}

async fn a_type_may_be_declared_by_any_of_its_names(db: Db) {
    let app = TestApp::start(db).await;
    for (declared, real) in [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("image/png; note=\"a  b\" ;q=~1", "image/png"),
        ("image/heif", "image/heic"),
        ("image/x-ms-bmp", "image/bmp"),
        ("video/x-m4v", "video/mp4"),
        ("video/x-matroska", "video/webm"),
        ("audio/x-wav", "audio/wav"),
        ("audio/mp3", "audio/mpeg"),
        ("audio/x-m4a", "audio/mp4"),
        ("application/x-zip-compressed", "application/zip"),
    ] {
        let asset = app.asset(declared, samples::of(real)).await;
        assert_eq!(asset["mime_type"], real, "declared as {declared}");
    }
    app.stop().await;
}

async fn bytes_of_another_type_than_declared_are_refused(db: Db) {
    let app = TestApp::start(db).await;
    // Each kind declared as its neighbour in the table, and as one of another kind.
    let samples = samples::all();
    for (at, sample) in samples.iter().enumerate() {
        for by in [1, 9] {
            let other = &samples[(at + by) % samples.len()];
            // The one is a form of the other.
            if (sample.mime_type, other.mime_type) == ("video/webm", "video/x-matroska") {
                continue;
            }
            let id = app.upload(other.mime_type, &sample.bytes).await;
            let error = app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
            let message = error["errors"][0]["msg"].as_str().unwrap();
            for named in [sample.mime_type, other.mime_type] {
                assert!(message.contains(named), "{named}: {message}");
            }
            assert!(app.objects().is_empty(), "{message}");
        }
    }
    app.stop().await;
}

async fn one_request_is_enough_for_any_type(db: Db) {
    let app = TestApp::start(db).await;
    for what in ["video/mp4", "audio/flac", "application/pdf", "image/heic"] {
        let form = Request::new("POST", &app.url("/v1/assets")).key(app.key());
        let sent = form.file("a", what, samples::of(what)).send().await;
        let asset = sent.assert(201).json();
        assert_eq!(asset["mime_type"], what);
        assert_eq!(asset["thumbnail_url"].is_null(), what == "audio/flac");
    }
    let form = Request::new("POST", &app.url("/v1/assets")).key(app.key());
    let lie = form.file("a", "video/mp4", samples::of("audio/flac"));
    lie.send().await.assert_error(422, "VALIDATION_ERROR");
    app.stop().await;
}

async fn without_programs_uploads_are_taken_with_fewer_facts(db: Db) {
    let app = TestApp::start_in(db, Storage::Disk, |_, environment| {
        environment.programs = Programs::in_folders(["/nonexistent"]);
    })
    .await;
    for sample in samples::all() {
        let asset = app.asset(sample.mime_type, &sample.bytes).await;
        let what = sample.mime_type;
        assert_eq!(asset["mime_type"], what);
        assert_eq!(asset["asset_type"], sample.asset_type);
        let is_picture = sample.asset_type == "image";
        // The header of a picture is read without help.
        assert_eq!(asset["width"] == SIDES.0, is_picture, "{what}: {asset}");
        assert!(asset["duration_ms"].is_null(), "{what}");
        let needs_program =
            !is_picture || matches!(what, "image/heic" | "image/avif" | "image/svg+xml");
        assert_eq!(asset["thumbnail_url"].is_null(), needs_program, "{what}");
    }
    assert_eq!(app.run_jobs().await, 0, "there is nothing to try again");
    let unsized_svg = r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>"#;
    let drawing = app.asset("image/svg+xml", unsized_svg.as_bytes()).await;
    assert!(drawing["width"].is_null() && drawing["height"].is_null());
    let broken = app
        .upload("image/heic", &samples::of("image/heic")[..200])
        .await;
    app.confirm(&broken)
        .await
        .assert_error(422, "VALIDATION_ERROR");
    app.stop().await;
}

async fn models_take_pictures_made_of_pixels_and_say_so(db: Db) {
    let app = TestApp::start(db).await;
    let path = "/v1/models/runflow/background-removal/runs";
    for sample in samples::all() {
        let asset = app.asset(sample.mime_type, &sample.bytes).await;
        let what = sample.mime_type;
        let body = json!({"input": {"asset_id": asset["id"]}});
        let answer = app.post(path, &body).send().await;
        if sample.asset_type == "image" && what != "image/svg+xml" {
            answer.assert(201);
            continue;
        }
        let error = answer.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(
            error["errors"][0]["loc"],
            json!(["body", "input", "asset_id"])
        );
        let message = error["errors"][0]["msg"].as_str().unwrap();
        assert!(
            message.contains(what) && message.contains("image/avif"),
            "{message}"
        );
    }
    app.run_jobs().await;
    let runs = app
        .get("/v1/runs?fields=status_code,failure_message")
        .send()
        .await;
    let runs = runs.assert(200).json();
    let runs = runs["items"].as_array().unwrap();
    assert_eq!(runs.len(), 8);
    for run in runs {
        assert_eq!(run["status_code"], "succeeded", "{run}");
    }
    app.stop().await;
}
