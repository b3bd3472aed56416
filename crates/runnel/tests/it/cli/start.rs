//! What is in the way of a start is told with its place, its reason and a way
//! out; and only a server makes what is missing.

use std::path::Path;

use runnel_testkit::{Db, Process, database_url};

use super::{runnel, runnel_with, stderr, stdout};

/// What `serve` says of settings that it cannot start with.
fn refused(data_dir: &Path, more: &[&str]) -> String {
    let data_dir = data_dir.to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let output = runnel(&[&serve[..], more].concat());
    assert_eq!(output.status.code(), Some(1), "{more:?}");
    assert_eq!(stdout(&output), "", "{more:?}");
    stderr(&output)
}

#[test]
fn a_place_that_cannot_be_used_is_told_with_its_path_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "neither a folder nor a database").unwrap();
    let (file_path, data) = (file.to_str().unwrap(), folder.path().join("data"));
    let database = format!("sqlite://{file_path}");
    let storage = format!("file://{file_path}");
    let closed = "postgres://me:hush@127.0.0.1:1/media";
    let cases: [(&Path, &[&str], &str, &str); 5] = [
        (&file, &[], "File exists", "a file stands where"),
        (
            &data,
            &["--database-url", &database],
            "file is not a database",
            "from a backup",
        ),
        (
            &data,
            &["--database-url", closed],
            "Connection refused",
            "host and port",
        ),
        (
            &data,
            &["--storage-url", &storage],
            "not a directory",
            "--storage-url",
        ),
        (&data, &["--models", "nothere.toml"], "No such file", "TOML"),
    ];
    for (data_dir, more, reason, hint) in cases {
        let told = refused(data_dir, more);
        let place = more
            .last()
            .map_or(file_path, |place| place.trim_start_matches("file://"));
        let place = place.replace("me:hush@", "me:…@");
        for word in [place.as_str(), reason, "hint: ", hint] {
            assert!(told.contains(word), "{word} is not in {told}");
        }
        for leak in ["hush", ".staging", "metadata"] {
            assert!(!told.contains(leak), "{leak} is in {told}");
        }
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept, "neither a folder nor a database");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_a_server_does_not_have_is_told_to_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let url = database_url(Db::Postgres).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let url = format!("{server}/nothere");
    let data_dir = folder.path().join("data");
    let places = [
        "--database-url",
        &url,
        "--data-dir",
        data_dir.to_str().unwrap(),
    ];
    for command in [&["serve"][..], &["keys", "list"], &["doctor"]] {
        let output = runnel(&[command, &places].concat());
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.contains("\"nothere\" does not exist") && told.contains("TEMPLATE template0"),
            "{told}"
        );
    }
    assert!(!data_dir.exists(), "nothing is made");
}

#[test]
fn a_command_makes_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &["keys", "list"],
        &["keys", "create"],
        &["keys", "revoke", "x"],
        &["doctor"],
    ];
    for command in commands {
        let output = runnel(&[command, &["--data-dir", data_dir]].concat());
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        for word in [data_dir, "--data-dir", "runnel serve"] {
            assert!(told.contains(word), "{word} is not in {told}");
        }
        assert!(!data.exists(), "{command:?}");
    }
    // Of a server whose key comes from elsewhere none is made either.
    let key = "11".repeat(32);
    let variables = [("RUNNEL_SECRET_KEY", key.as_str())];
    drop(Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &data,
        &variables,
    ));
    for command in [&["keys", "create"][..], &["doctor"]] {
        let output = runnel(&[command, &["--data-dir", data_dir]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(!data.join("secret.key").exists(), "{command:?}");
    }
    std::fs::remove_dir_all(data.join("objects")).unwrap();
    let output = runnel(&["doctor", "--data-dir", data_dir]);
    assert!(
        stderr(&output).contains("no folder of objects"),
        "{}",
        stderr(&output)
    );
    assert!(!data.join("objects").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_server_elsewhere_leave_nothing_here() {
    let folder = tempfile::tempdir().unwrap();
    let url = database_url(Db::Postgres).await.unwrap();
    let data = folder.path().join("data");
    let output = runnel(&[
        "keys",
        "create",
        "--database-url",
        &url,
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("rf_live_"));
    assert!(!data.exists());
}

#[test]
fn a_lost_secret_key_is_told_and_no_other_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]));
    let file = data.join("secret.key");
    std::fs::remove_file(&file).unwrap();
    let told = refused(&data, &[]);
    for word in [
        file.to_str().unwrap(),
        "is missing",
        "put the file back",
        "RUNNEL_SECRET_KEY",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    assert!(!file.exists());
}

#[test]
fn values_that_cannot_work_are_refused_with_those_that_can() {
    let cases: [(&[&str], &str); 11] = [
        (&["--listen", "localhost:8081"], "give 127.0.0.1:8081"),
        (&["--listen", ":8081"], "0.0.0.0:8081"),
        (&["--listen", "0.0.0.0"], "give 0.0.0.0:8080"),
        (&["--listen", "::1"], "give [::1]:8080"),
        (&["--listen", "nonsense"], "such as 127.0.0.1:8080"),
        (&["--upload-url-ttl", "0"], "1..=31536000"),
        (&["--asset-url-ttl", "0"], "1..=31536000"),
        (&["--asset-url-ttl", "99999999999"], "1..=31536000"),
        (&["--asset-kept-for", "99999999999"], "0..=3153600000"),
        (&["--workers", "1000000"], "0..=1024"),
        (&["--log", "runnel=bogus"], "info,runnel=debug"),
    ];
    for (flags, hint) in cases {
        let output = runnel(&[&["serve"], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let told = stderr(&output);
        assert!(told.contains(hint), "{flags:?}: {told}");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let empty = [
        "RUNNEL_WORKERS",
        "RUNNEL_DATABASE_URL",
        "RUNNEL_STORAGE_URL",
        "RUNNEL_PUBLIC_URL",
        "RUNNEL_TLS_CERT",
        "RUNNEL_TLS_SELF_SIGNED",
        "RUNNEL_SECRET_KEY",
        "RUNNEL_BOOTSTRAP_API_KEY",
        "RUNNEL_MAX_UPLOAD_BYTES",
        "RUNNEL_LOG",
        "RUNNEL_LOG_FORMAT",
    ]
    .map(|name| (name, ""));
    let server = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &empty);
    let (status, told) = server.terminate();
    assert!(status.success(), "{told}");
    assert!(data.join("runnel.db").exists());
    // One that says something still does.
    let output = runnel_with(&["serve"], &[("RUNNEL_WORKERS", "many")]);
    assert!(stderr(&output).contains("'many'"), "{}", stderr(&output));
}

#[test]
fn a_log_in_json_is_json_line_by_line_and_holds_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let json = [
        ("RUNNEL_LOG_FORMAT", "json"),
        ("RUNNEL_TLS_SELF_SIGNED", "true"),
    ];
    let server = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &json);
    let (status, log) = server.terminate();
    assert!(status.success());
    let serve = ["serve", "--data-dir", data.to_str().unwrap()];
    let refused = runnel(&[&serve[..], &["--log-format", "json", "--models", "x.toml"]].concat());
    let failure = stderr(&refused);
    for line in log.lines().chain(failure.lines()) {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            parsed["level"].is_string() && parsed["message"].is_string(),
            "{line}"
        );
    }
    assert!(!log.contains("rf_live_"), "{log}");
    assert!(
        log.contains("runnel keys create") && log.contains("ca.pem"),
        "{log}"
    );
    assert!(failure.contains("\"hint\":\"name a file"), "{failure}");
    // A person at the next start still gets a key.
    let (_, told) = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &[]).terminate();
    assert!(told.contains("rf_live_"), "{told}");
}
