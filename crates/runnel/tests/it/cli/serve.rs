//! `runnel serve`: its first start, its flags, its certificate.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use runnel_testkit::{Process, Request};

use super::{runnel, stderr, stdout};

#[test]
fn the_first_start_shows_a_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (status, first) = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]).terminate();
    assert_eq!(status.code(), Some(0));
    assert!(
        first.contains("rf_live_") && first.matches("curl").count() >= 3,
        "{first}"
    );
    // Its commands say image/jpeg.
    assert!(
        first.contains("any JPEG as photo.jpg") && !first.contains("WebP"),
        "{first}"
    );
    let (_, second) = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]).terminate();
    assert!(!second.contains("rf_live_"), "{second}");
}

#[test]
fn what_cannot_be_done_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (
            &["serve", "--data-dir", data_dir, "--rate-limit", "1000001"],
            "1000000",
        ),
        (
            &[
                "serve",
                "--data-dir",
                data_dir,
                "--storage-url",
                "ftp://bucket/x",
            ],
            "file:///",
        ),
        (
            &[
                "serve",
                "--data-dir",
                data_dir,
                "--database-url",
                "mysql://x/y",
            ],
            "postgres://",
        ),
        (
            &["serve", "--data-dir", data_dir, "--models", "models.toml"],
            "--models",
        ),
        (
            &[
                "serve",
                "--data-dir",
                data_dir,
                "--egress-allow",
                "nonsense",
            ],
            "10.1.0.0/16",
        ),
        (
            &["serve", "--data-dir", data_dir, "--input-memory-bytes", "0"],
            "--input-memory-bytes is 0",
        ),
        (
            &[
                "serve",
                "--data-dir",
                data_dir,
                "--public-url",
                "example.com",
            ],
            "https://media.example.com",
        ),
        (
            &["serve", "--data-dir", data_dir, "--tls-cert", "x.pem"],
            "--tls-key",
        ),
        (
            &["serve", "--data-dir", data_dir, "--listen", "127.0.0.1:1x"],
            "--listen",
        ),
    ];
    for (arguments, hint) in cases {
        let output = runnel(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            stderr(&output).contains(hint),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn it_serves_https_with_a_certificate_that_curl_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &data,
        &[("RUNNEL_TLS_SELF_SIGNED", "true")],
    );
    assert!(
        server.base_url.starts_with("https://"),
        "{}",
        server.base_url
    );
    let ca = data.join("tls/ca.pem");
    let curl = |more: &[&str]| {
        let url = format!("{}/v1/health", server.base_url);
        std::process::Command::new("curl")
            .args(["-sS", "--max-time", "10"])
            .args(more)
            .arg(url)
            .output()
            .unwrap()
    };
    let trusted = curl(&["--cacert", ca.to_str().unwrap()]);
    assert!(
        stdout(&trusted).contains("\"ok\":true"),
        "{}",
        stderr(&trusted)
    );
    assert!(!curl(&[]).status.success(), "nobody trusts it by default");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(data.join("tls/ca-key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "the key is its owner's alone");
    let before = std::fs::read(&ca).unwrap();
    let (_, log) = server.terminate();
    assert!(log.contains("ca.pem"), "{log}");
    drop(Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &data,
        &[("RUNNEL_TLS_SELF_SIGNED", "true")],
    ));
    assert_eq!(
        std::fs::read(&ca).unwrap(),
        before,
        "the authority stays the same"
    );
}

#[test]
fn asked_to_stop_as_soon_as_it_listens_it_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for start in 0..5 {
        let data = folder.path().join(format!("data-{start}"));
        let (status, told) = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]).terminate();
        assert_eq!(status.code(), Some(0), "{told}");
    }
}

#[test]
fn the_key_of_the_secrets_is_its_owners_alone_and_no_other_is_taken() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]));
    let file = data.join("secret.key");
    let key = std::fs::read_to_string(&file).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the key is its owner's alone");
    // The same key from elsewhere is as good as the file.
    let same = [("RUNNEL_SECRET_KEY", key.trim())];
    std::fs::remove_file(&file).unwrap();
    drop(Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &same));
    assert!(!file.exists(), "no file is made beside the variable");

    let data_dir = data.to_str().unwrap();
    let other = "00".repeat(32);
    for (key, hint) in [
        (other.as_str(), "the same RUNNEL_SECRET_KEY"),
        ("short", "64 hex digits"),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        let output = runnel(&[&serve[..], &["--secret-key", key]].concat());
        assert!(!output.status.success());
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
        assert!(!stderr(&output).contains(&other), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_takes_no_more_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // As `runnel serve 2>>log` on a disk that is full.
    let script = folder.path().join("serve");
    let text = concat!(
        "#!/bin/sh\nexec '",
        env!("CARGO_BIN_EXE_runnel"),
        "' \"$@\" 2>/dev/full\n"
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
    let data = folder.path().join("data");
    let server = Process::serve(script.to_str().unwrap(), &data, &[]);
    for _ in 0..3 {
        let asked = Request::new("GET", &server.url("/v1/models")).send().await;
        asked.assert(401);
    }
    let (status, told) = server.terminate();
    assert_eq!((status.code(), told.as_str()), (Some(0), ""));
}
