//! `runnel upload`.

use std::path::Path;

use runnel_media::sample;
use runnel_testkit::{Process, Relay};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{runnel, stderr, stdout};

const KEY: &str = "rf_live_0123456789abcdefghijLOAD";

fn serve(data: &Path, variables: &[(&str, &str)]) -> Process {
    let own = [("RUNNEL_BOOTSTRAP_API_KEY", KEY), ("RUNNEL_LOG", "error")];
    let variables = [&own, variables].concat();
    Process::serve(env!("CARGO_BIN_EXE_runnel"), data, &variables)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_become_assets_and_one_that_does_not_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder.path().join("data"), &[]);
    let upload = |arguments: &[&str]| {
        let to = ["upload", "--base-url", &server.base_url, "--api-key", KEY];
        runnel(&[&to, arguments].concat())
    };
    let png = write(folder.path(), "a b.png", &sample::gradient_png(40, 30));
    let text = write(folder.path(), "notes.txt", b"some words");
    let absent = folder.path().join("absent.png");
    let damaged = write(
        folder.path(),
        "half.png",
        &sample::gradient_png(40, 30)[..200],
    );
    let jpeg = write(folder.path(), "photo", &sample::noise_jpeg(64, 48));

    let one = upload(&[&png]);
    assert!(one.status.success(), "{}", stderr(&one));
    assert_eq!(
        stdout(&one).trim().len(),
        36,
        "an id alone: {}",
        stdout(&one)
    );
    assert_eq!(stderr(&one), "");

    let all = upload(&[
        "--json",
        &png,
        &text,
        absent.to_str().unwrap(),
        &damaged,
        &jpeg,
    ]);
    assert_eq!(all.status.code(), Some(1));
    let assets: Vec<Value> = stdout(&all)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(assets.len(), 2, "{}", stdout(&all));
    assert_eq!(
        (&assets[0]["name"], &assets[0]["width"]),
        (&"a b.png".into(), &40.into())
    );
    assert_eq!(assets[1]["mime_type"], "image/jpeg");
    for told in [
        "notes.txt: its type is not known",
        "absent.png",
        "half.png: the server answered 422: ",
        "3 of 5 files did not become assets",
    ] {
        assert!(stderr(&all).contains(told), "{told}: {}", stderr(&all));
    }
}

#[test]
fn a_server_that_refuses_all_is_asked_once() {
    let folder = tempfile::tempdir().unwrap();
    let png = write(folder.path(), "a.png", &sample::gradient_png(40, 30));
    let server = serve(&folder.path().join("data"), &[]);
    let wrong = "rf_live_0123456789abcdefghijNONE";
    let url = server.base_url.clone();
    let refused = runnel(&["upload", "--base-url", &url, "--api-key", wrong, &png, &png]);
    assert_eq!(refused.status.code(), Some(1));
    let told = stderr(&refused);
    assert!(
        told.contains("UNAUTHORIZED") && told.contains("runnel keys create"),
        "{told}"
    );
    assert_eq!(told.matches("error:").count(), 1, "{told}");
    drop(server);
    let gone = runnel(&["upload", "--base-url", &url, "--api-key", KEY, &png, &png]);
    assert!(
        stderr(&gone).contains("is the server running"),
        "{}",
        stderr(&gone)
    );
    let without = runnel(&["upload", "--base-url", &url, &png]);
    assert!(
        stderr(&without).contains("--api-key"),
        "{}",
        stderr(&without)
    );
}

#[test]
fn a_long_file_goes_in_pieces_and_goes_on_when_it_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = sample::gradient_png(64, 64);
    let mut state = 1_u64;
    while bytes.len() < 60 << 20 {
        // Knuth's generator: no two pieces of the file are alike.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    let path = write(folder.path(), "long.png", &bytes);
    let relay = Relay::start();
    relay.cut(4, 5 << 20);
    let url = relay.url();
    let server = serve(&folder.path().join("data"), &[("RUNNEL_PUBLIC_URL", &url)]);
    relay.lead_to(Some(&server.base_url));
    let sent = runnel(&[
        "upload",
        "--json",
        "--base-url",
        &url,
        "--api-key",
        KEY,
        &path,
    ]);
    assert!(sent.status.success(), "{}", stderr(&sent));
    let asset: Value = serde_json::from_str(&stdout(&sent)).unwrap();
    assert_eq!(asset["sha256"], hex::encode(Sha256::digest(&bytes)));
    assert_eq!(relay.cuts_left(), 0);
}
