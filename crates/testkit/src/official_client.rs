//! The official Python clients of object stores, which look at what the server left
//! there and say how things are signed.

use std::io::Write;
use std::process::{Command, Stdio};

/// Where `scripts/setup.sh test` installs what others made.
pub(crate) const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-tools");

/// What `script` prints, run in the environment `tools` of the test tools with
/// `input`. Blocks for as long as that takes.
///
/// # Panics
/// When the environment is missing, or the script fails; with what it said.
pub(crate) fn ask(tools: &str, script: &str, input: &str) -> String {
    let python = format!("{TOOLS}/{tools}/bin/python");
    let mut command = Command::new(&python);
    command.args(["-c", script]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{python}: {error}; run `scripts/setup.sh test`, which makes it")
    });
    // Dropped at once: that is the end of the input.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "a client fails: {said}\n{script}");
    String::from_utf8(output.stdout).unwrap()
}
