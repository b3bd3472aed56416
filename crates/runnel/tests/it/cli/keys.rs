//! `runnel keys`.

use runnel_testkit::{Process, Request};

use super::{runnel, stderr, stdout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_listed_used_and_revoked_beside_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let server = Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        &data,
        &[("RUNNEL_LOG", "error")],
    );
    let made = runnel(&[
        "keys",
        "create",
        "--name",
        "ci",
        "--scopes",
        "runs:read,runs:create",
        "--org",
        "Acme",
        "--data-dir",
        data_dir,
    ]);
    assert!(made.status.success(), "{}", stderr(&made));
    let key = stdout(&made).trim().to_owned();
    assert!(
        key.starts_with("rf_live_")
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        "{key}"
    );
    assert_eq!(stdout(&made).lines().count(), 1, "the key alone");

    let get = || Request::new("GET", &format!("{}/v1/runs", server.base_url)).key(&key);
    get().send().await.assert(200);
    let listed = stdout(&runnel(&["keys", "list", "--data-dir", data_dir]));
    let line = listed.lines().find(|line| line.contains("\tci\t")).unwrap();
    assert!(
        line.contains("acme") && line.contains("runs:read") && !listed.contains(&key),
        "{listed}"
    );
    let id = line.split('\t').next().unwrap();
    assert!(
        runnel(&["keys", "revoke", id, "--data-dir", data_dir])
            .status
            .success()
    );
    get().send().await.assert_error(401, "UNAUTHORIZED");

    let unknown = runnel(&["keys", "revoke", "nonsense", "--data-dir", data_dir]);
    assert!(
        !unknown.status.success() && stderr(&unknown).contains("runnel keys list"),
        "{}",
        stderr(&unknown)
    );
    // The database is closed before the end, so nothing is said of its log.
    assert!(!stderr(&unknown).contains("WARN"), "{}", stderr(&unknown));
    let scope = runnel(&[
        "keys",
        "create",
        "--scopes",
        "runs:fly",
        "--data-dir",
        data_dir,
    ]);
    assert!(
        !scope.status.success() && stderr(&scope).contains("runs:create"),
        "{}",
        stderr(&scope)
    );
}
