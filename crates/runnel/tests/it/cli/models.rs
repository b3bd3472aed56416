//! `--models`: what is wrong with a file is told at the start, and a running
//! server reads it again when it is told to.

use std::path::Path;

use runnel_testkit::{Process, Request, wait_until};

use super::{runnel, stderr, stdout};

const KEY: &str = "rf_live_0123456789abcdefghijMODEL";

fn named(name: &str) -> String {
    format!("[models.\"runnel/echo\"]\nengine = \"builtin\"\nname = \"{name}\"\n")
}

fn refused(file: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = runnel(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data.to_str().unwrap(),
        "--models",
        file.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "", "nothing listens");
    stderr(&output)
}

#[test]
fn a_server_does_not_start_with_a_wrong_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.toml");
    let missing = refused(&file);
    assert!(
        missing.contains("models.toml") && missing.contains("docs/models.md"),
        "{missing}"
    );
    let text = "[models.\"acme/a\"]\nengine = \"htp\"\ninputs = \"any\"\n\n[models.\"runnel/echo\"]\nengine = \"builtin\"\ntime_limit = \"soon\"\n";
    std::fs::write(&file, text).unwrap();
    let told = refused(&file);
    let path = file.display();
    for line in [
        "the model file has 2 mistakes:".to_owned(),
        format!("{path}:2:10: models.\"acme/a\".engine is \"htp\""),
        format!("{path}:7:14: models.\"runnel/echo\".time_limit must be seconds"),
    ] {
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    std::fs::write(&file, b"# \n# \xff\n").unwrap();
    let told = refused(&file);
    assert!(told.contains(":2: this is not UTF-8"), "{told}");
    std::fs::write(&file, "# \n".repeat(400_000)).unwrap();
    let told = refused(&file);
    assert!(told.contains("the limit is 1048576"), "{told}");
    let told = refused(folder.path());
    assert!(told.contains("cannot be read"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_has_the_file_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.toml");
    std::fs::write(&file, named("Parrot")).unwrap();
    let variables = [
        ("RUNNEL_MODELS", file.to_str().unwrap()),
        ("RUNNEL_BOOTSTRAP_API_KEY", KEY),
    ];
    let data = folder.path().join("data");
    let server = Process::serve(env!("CARGO_BIN_EXE_runnel"), &data, &variables);
    let name = async || {
        let request = Request::new("GET", &server.url("/v1/models/runnel/echo")).key(KEY);
        let model = request.send().await.assert(200).json();
        model["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name().await, "Parrot");

    std::fs::write(&file, format!("{}oops = 1\n", named("Crow"))).unwrap();
    server.hang_up();
    let told = async || Some(server.told()).filter(|told| told.contains("stay as they were"));
    let told = wait_until("the mistake in the log", told).await;
    assert!(
        told.contains("models.toml:4:1: models.\"runnel/echo\" has no key \"oops\""),
        "{told}"
    );
    assert_eq!(name().await, "Parrot", "a bad file changes nothing");

    std::fs::write(&file, named("Macaw")).unwrap();
    server.hang_up();
    wait_until("the new name", async || {
        (name().await == "Macaw").then_some(())
    })
    .await;
    let (status, told) = server.terminate();
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("runnel/echo"), "what changed is told: {told}");
}
