//! `runnel demo`: what it writes, what it prints, how it ends.

use std::path::Path;

use runnel_testkit::Process;
use serde_json::Value;

use super::{runnel, stderr, stdout};

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What every good end leaves, whichever server did the work.
fn everything_is_there(folder: &Path) {
    let png = |bytes: &[u8]| bytes.starts_with(b"\x89PNG");
    let (before, after) = (read(folder, "before.png"), read(folder, "after.png"));
    assert!(png(&before) && png(&after));
    assert_ne!(before, after);
    let thumbnail = read(folder, "thumbnail.webp");
    assert_eq!(
        (&thumbnail[..4], &thumbnail[8..12]),
        (&b"RIFF"[..], &b"WEBP"[..])
    );
    let callback: Value = serde_json::from_slice(&read(folder, "callback.json")).unwrap();
    assert_eq!(callback["event"], "run.completed");
    assert_eq!(callback["metadata"]["from"], "runnel demo");
    assert!(
        callback["output"]["image_urls"][0].is_string(),
        "{callback}"
    );
}

#[test]
fn it_does_the_whole_job_and_leaves_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("made/here");
    let told = runnel(&["demo", "--output", output.to_str().unwrap()]);
    assert!(told.status.success(), "{}", stderr(&told));
    everything_is_there(&output);
    for step in [
        "POST  /v1/asset-uploads",
        "PUT   upload_url",
        "/confirmations",
        "GET   thumbnail_url",
        "POST  /v1/models/runflow/background-replace/runs",
        "until it ends",
        "POST  callback_url",
        "Everything as promised",
    ] {
        assert!(stderr(&told).contains(step), "{step}: {}", stderr(&told));
    }
    assert_eq!(stdout(&told), "");
}

#[test]
fn it_works_against_a_server_with_a_certificate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let key = format!("rf_live_{}", "d".repeat(32));
    let server = Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &data,
        &[
            ("RUNNEL_TLS_SELF_SIGNED", "true"),
            ("RUNNEL_BOOTSTRAP_API_KEY", &key),
            ("RUNNEL_EGRESS_ALLOW", "127.0.0.1/32"),
        ],
    );
    let output = folder.path().join("output");
    let (output_dir, ca) = (output.to_str().unwrap(), data.join("tls/ca.pem"));
    let told = runnel(&[
        "demo",
        "--base-url",
        &server.base_url,
        "--api-key",
        &key,
        "--output",
        output_dir,
        "--tls-ca",
        ca.to_str().unwrap(),
    ]);
    assert!(told.status.success(), "{}", stderr(&told));
    everything_is_there(&output);
    let wrong = format!("rf_live_{}", "e".repeat(32));
    let refused = runnel(&[
        "demo",
        "--base-url",
        &server.base_url,
        "--api-key",
        &wrong,
        "--output",
        output_dir,
        "--tls-ca",
        ca.to_str().unwrap(),
    ]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("UNAUTHORIZED"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn what_a_server_lacks_for_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let key = format!("rf_live_{}", "f".repeat(32));
    let output = folder.path().join("output");
    let start = |name: &str, more: &[(&str, &str)]| {
        let data = folder.path().join(name);
        let key = [("RUNNEL_BOOTSTRAP_API_KEY", key.as_str())];
        let variables = [&key[..], more].concat();
        Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &variables)
    };
    let demo = |server: &Process| {
        let flags = ["--base-url", &server.base_url, "--api-key", &key];
        let told = runnel(&[&["demo", "--output", output.to_str().unwrap()][..], &flags].concat());
        assert_eq!(told.status.code(), Some(1));
        stderr(&told)
    };
    let told = demo(&start("guarded", &[]));
    let hint = "hint: the demo receives the callback on this machine: start that server with RUNNEL_EGRESS_ALLOW=127.0.0.1/32";
    assert!(told.contains(hint), "{told}");
    assert!(told.contains(": callback_url: "), "{told}");
    assert!(!told.contains('{'), "no raw JSON: {told}");
    let told = demo(&start("secure", &[("RUNNEL_TLS_SELF_SIGNED", "true")]));
    assert!(
        told.contains("--tls-ca") && !told.contains("is the server running"),
        "{told}"
    );
    let help = stdout(&runnel(&["demo", "--help"]));
    assert!(help.contains("RUNNEL_EGRESS_ALLOW=127.0.0.1/32"), "{help}");
}

#[test]
fn what_is_not_as_promised_ends_it_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no picture").unwrap();
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, b"\x89PNG\r\n\x1a\nand nothing more").unwrap();
    let output = folder.path().join("output");
    let cases: [(&[&str], &str); 5] = [
        (&[text.to_str().unwrap()], "JPEG, PNG, WebP or GIF"),
        (&[broken.to_str().unwrap()], "the server answered 422: "),
        (&["/does/not/exist.png"], "/does/not/exist.png"),
        (
            &["--prompt", "a beach at sunset with palm trees"],
            "the server answered 422: ",
        ),
        (
            &["--base-url", "http://127.0.0.1:9", "--api-key", "rf_live_x"],
            "is the server running",
        ),
    ];
    for (arguments, reason) in cases {
        let mut all = vec!["demo", "--output", output.to_str().unwrap()];
        all.extend(arguments);
        let told = runnel(&all);
        assert_eq!(
            told.status.code(),
            Some(1),
            "{arguments:?}: {}",
            stderr(&told)
        );
        assert!(
            stderr(&told).contains(reason),
            "{arguments:?}: {}",
            stderr(&told)
        );
        assert!(!output.join("after.png").exists());
    }
}
