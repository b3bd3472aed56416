//! What is refused before a run is made, with nothing left behind.

use runnel_engines::InputForm;
use runnel_media::sample;
use runnel_testkit::{Db, Storage, on_both_databases};
use serde_json::json;

use super::{data_uri, refusal, start, start_in};

on_both_databases!(wrong_files_are_refused_and_nothing_is_kept);

async fn wrong_files_are_refused_and_nothing_is_kept(db: Db) {
    let (app, _puppet) = start(db).await;
    let png = data_uri("image/png", &sample::gradient_png(10, 10));
    let before = app.objects();
    let cases = [
        (
            json!({"image_url": "http://169.254.169.254/latest"}),
            "image_url",
            "RUNNEL_EGRESS_ALLOW",
        ),
        (
            json!({"image_url": "http://10.0.0.1/a.png"}),
            "image_url",
            "a private address",
        ),
        (
            json!({"image_url": "http://[::1]/a.png"}),
            "image_url",
            "a loopback address",
        ),
        (
            json!({"image_url": "http://2130706434/a.png"}),
            "image_url",
            "127.0.0.2",
        ),
        (
            json!({"images": [png, "http://0x7f.2/"]}),
            "images.1",
            "127.0.0.2",
        ),
        (
            json!({"image_url": "https://me:secret@example.com/a.png"}),
            "image_url",
            "a password",
        ),
        (
            json!({"image_url": "ftp://example.com/a.png"}),
            "image_url",
            "not http:// or https://",
        ),
        (
            json!({"image_url": "file:///etc/passwd"}),
            "image_url",
            "not http:// or https://",
        ),
        (json!({"image_url": "http://"}), "image_url", "empty host"),
        (
            json!({"image_url": format!("http://example.com/{}", "x".repeat(9000))}),
            "image_url",
            "8192",
        ),
        (json!({"image_url": "photo.png"}), "image_url", "http(s)://"),
        (json!({"image_url": ""}), "image_url", "http(s)://"),
        (json!({"video_url": png}), "video_url", "takes a video"),
        (
            json!({"images": [png, "data:image/png;base64,***"]}),
            "images.1",
            "base64",
        ),
        (
            json!({"images": [png, png.replace("image/png", "image/jpeg")]}),
            "images.1",
            "image/png",
        ),
        (
            json!({"image_url": "data:image/png;base64,"}),
            "image_url",
            "no bytes",
        ),
        (
            json!({"image_url": "data:text/html;base64,aGk="}),
            "image_url",
            "not supported",
        ),
        (
            json!({"image_url": "data:image/png"}),
            "image_url",
            "must have the form",
        ),
        (
            json!({"scene": {"a": [{"b": "data:image/png,hi"}]}}),
            "scene.a.0.b",
            "not known here",
        ),
        (
            json!({"scene": [data_uri("image/png", &sample::corrupt_png()), png]}),
            "scene.0",
            "",
        ),
        (
            json!({"scene": [png, data_uri("image/png", &sample::huge_header_png(60_000, 60_000))]}),
            "scene.1",
            "",
        ),
    ];
    for (input, field, words) in cases {
        let faults = refusal(&app, &input).await;
        let (place, message) = &faults[0];
        assert_eq!(place, &format!("input.{field}"), "{message}");
        assert!(message.contains(words), "{field}: {message}");
        assert!(
            message.len() < 500 && !message.contains("secret"),
            "{message}"
        );
        assert_eq!(app.objects(), before, "{field}: {message}");
    }
    let both = json!({"image_url": "http://10.0.0.1/", "images": ["x"]});
    assert_eq!(refusal(&app, &both).await.len(), 2, "every fault is told");
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_uri_may_be_as_large_as_an_upload() {
    let png = sample::gradient_png(10, 10);
    let size = png.len() as u64;
    for (limit, is_taken) in [(size, true), (size - 1, false)] {
        let (app, _puppet) = start_in(
            Db::Sqlite,
            Storage::Disk,
            InputForm::Bytes,
            |settings, _| {
                settings.max_upload_bytes = limit;
            },
        )
        .await;
        let input = json!({"image_url": data_uri("image/png", &png)});
        if is_taken {
            super::create(&app, &input).await;
        } else {
            let (_, message) = refusal(&app, &input).await.remove(0);
            assert!(message.contains(&limit.to_string()), "{message}");
        }
        app.stop().await;
    }
}
