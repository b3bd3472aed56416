//! The machine's PostgreSQL programs: where they are, as whom they run.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian keeps the programs of each version, which are not on `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The path of `program`: from `PATH`, else from the newest version of Debian's.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_unstable();
    let debian = versions.into_iter().rev().map(|(_, folder)| folder);
    debian
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!(
                "PostgreSQL's program {program} is neither in {DEBIAN}/*/bin nor on PATH; \
                 install it (Debian: apt-get install postgresql) or name a server in {}",
                crate::VARIABLE
            )
        })
}

/// A command that runs `program` as this user, without standard input.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(find(program));
    command.stdin(Stdio::null());
    command
}

/// A command that runs `program` as somebody the server accepts: it refuses root.
pub(crate) fn command_as_server(program: &str) -> Command {
    if !is_root() {
        return command(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ])
        .arg(find(program))
        // The working folder may be one that the user may not enter.
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// Gives `folder` to the user that the server runs as.
pub(crate) fn hand_over(folder: &Path) {
    if is_root() {
        run(Command::new("chown").args([OsStr::new("postgres:postgres"), folder.as_os_str()]));
    }
}

fn is_root() -> bool {
    // The owner of one's own /proc entry is one's effective user.
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// Runs `command` to its end and gives what it printed; panics with its words when it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
