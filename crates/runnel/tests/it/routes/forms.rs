//! Files sent in one step, as forms.

use runnel_media::sample;
use runnel_testkit::{Request, Setup, TestApp, on_both_databases, wait_until, with_a_bucket_too};
use serde_json::json;

on_both_databases!(
    a_file_can_be_sent_in_one_step,
    wrong_forms_are_refused_and_leave_nothing,
);

with_a_bucket_too!(a_file_can_be_sent_in_one_step,);

async fn a_file_can_be_sent_in_one_step(setup: Setup) {
    let app = TestApp::start(setup).await;
    let folder = app.folder("x", None).await;
    let png = sample::gradient_png(40, 30);
    let mut form = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"folder_id\"\r\n\r\n{}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"else\"\r\n\r\nwhatever\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../é.png\"\r\n\r\n",
        folder["id"].as_str().unwrap()
    )
    .into_bytes();
    form.extend_from_slice(&png);
    form.extend_from_slice(b"\r\n--edge--\r\n");
    let request = Request::new("POST", &app.url("/v1/assets"))
        .key(app.key())
        .form(form);
    let asset = request.send().await.assert(201).json();
    assert_eq!(asset["folder_id"], folder["id"]);
    assert_eq!(
        (&asset["name"], &asset["mime_type"]),
        (&json!("../é.png"), &json!("image/png"))
    );
    assert_eq!(
        (&asset["width"], &asset["source_type"]),
        (&json!(40), &json!("upload"))
    );
    let bytes = Request::new("GET", asset["url"].as_str().unwrap())
        .send()
        .await
        .assert(200);
    assert_eq!(bytes.body, png);
    let run = json!({"input": {"asset_id": asset["id"]}});
    let run = app.post("/v1/models/runflow/background-removal/runs", &run);
    run.send().await.assert(201);
    app.stop().await;
}

async fn wrong_forms_are_refused_and_leave_nothing(setup: Setup) {
    let app = TestApp::start_with(setup, |settings| settings.max_upload_bytes = 600_000).await;
    let post = || Request::new("POST", &app.url("/v1/assets")).key(app.key());
    let png = sample::gradient_png(8, 8);
    let part = |name: &str, rest: &str, body: &str| {
        format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n{body}\r\n--edge--\r\n"
        )
    };
    for (request, status, code) in [
        (
            post().json(&json!({"file": "x"})),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            post().form(part("folder_id", "", "null")),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().form(part("file", "", "no name")),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().form(part("file", "; filename=\"a.png\"", "#!/bin/sh")),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().form(part("file", "; filename=\"a.png\"", "")),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().form(part("folder_id", "", "seven")),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().file(&"x".repeat(501), "image/png", &png),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().file("a.jpg", "image/jpeg", &png),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().file("a.png", "image/png", &png[..png.len() / 2]),
            422,
            "VALIDATION_ERROR",
        ),
        (
            post().file("a.png", "image/png", &vec![0; 600_001]),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            post().file("a.png", "image/png", &vec![0; 2_000_000]),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            post().form(
                "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nab",
            ),
            400,
            "BAD_REQUEST",
        ),
        (post().form("nothing of a form"), 400, "BAD_REQUEST"),
    ] {
        request.send().await.assert_error(status, code);
    }
    let mut latin = part("file", "; filename=\"caf?.png\"", "x").into_bytes();
    let place = latin.iter().position(|byte| *byte == b'?').unwrap();
    latin[place] = 0xe9;
    let error = post().form(latin).send().await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("UTF-8"), "{message}");
    // More than is kept in memory before a file is made of it.
    let broken = post().file("a.png", "image/png", &vec![0; 500_000]);
    let broken = broken.begin(400_000).await;
    let app_ref = &app;
    wait_until("the file to arrive in part", || async move {
        (app_ref.objects().len() == 1).then_some(())
    })
    .await;
    drop(broken);
    wait_until("the half file to be gone", || async move {
        app_ref.objects().is_empty().then_some(())
    })
    .await;
    let list = app.get("/v1/assets").send().await.assert(200).json();
    assert_eq!(list["items"], json!([]));
    app.stop().await;
}
