//! How many files the server may have open, however few it was given.

use std::os::unix::fs::PermissionsExt;

use runnel_testkit::Process;

#[test]
fn the_server_asks_for_as_many_open_files_as_it_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let frugal = folder.path().join("frugal");
    let script = format!(
        "#!/bin/sh\nulimit -Sn 256\nulimit -Hn 5000\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_runnel")
    );
    std::fs::write(&frugal, script).unwrap();
    std::fs::set_permissions(&frugal, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Process::serve(frugal.to_str().unwrap(), &folder.path().join("data"), &[]);
    let limits = server.limits();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<&str> = files.unwrap().split_whitespace().skip(3).collect();
    assert_eq!(files, ["5000", "5000", "files"]);
    let (status, _) = server.terminate();
    assert!(status.success());
}
