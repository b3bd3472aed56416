//! Files that are not what they say, or are made to hurt whoever opens them.

use runnel_media::sample;
use runnel_testkit::{Setup, TestApp, on_both_databases, with_a_bucket_too};

on_both_databases!(bytes_that_are_no_sound_picture_are_refused_and_removed);

with_a_bucket_too!(bytes_that_are_no_sound_picture_are_refused_and_removed,);

async fn bytes_that_are_no_sound_picture_are_refused_and_removed(setup: Setup) {
    let app = TestApp::start(setup).await;
    let jpeg = sample::noise_jpeg(300, 200);
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        (
            "a shell script",
            "image/png",
            b"#!/bin/sh\nrm -rf /\n".to_vec(),
        ),
        (
            "a page",
            "image/png",
            b"<html><script>alert(1)</script></html>".to_vec(),
        ),
        ("another type", "image/png", jpeg.clone()),
        ("a corrupt middle", "image/png", sample::corrupt_png()),
        (
            "a bomb",
            "image/png",
            sample::huge_header_png(50_000, 50_000),
        ),
        (
            "a truncated JPEG",
            "image/jpeg",
            jpeg[..jpeg.len() / 2].to_vec(),
        ),
        ("nothing but a head", "image/jpeg", jpeg[..20].to_vec()),
        (
            "a truncated WebP",
            "image/webp",
            sample::webp(100, 100)[..200].to_vec(),
        ),
        ("one byte", "image/gif", vec![b'G']),
    ];
    for (what, mime_type, bytes) in cases {
        let id = app.upload(mime_type, &bytes).await;
        let error = app.confirm(&id).await.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(app.objects().len(), 0, "{what} is removed: {error}");
        // The session stays open: the right bytes of that size may follow.
        app.confirm(&id).await.assert_error(409, "CONFLICT");
    }
    app.stop().await;
}
