//! The pages, in a real browser with no network but this machine.

mod docs;
mod events;
mod uploads;

use std::process::Command;

/// What a page was after its scripts had run, and what the browser's console said.
struct Seen {
    dom: String,
    console: String,
}

/// Opens a page in Chromium, gives its scripts 20 s of the page's own time, and
/// looks at it.
fn open(url: &str) -> Seen {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless",
            // The browser's own sandbox cannot be had in most build machines;
            // it is shown pages of this test alone.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--timeout=60000",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .unwrap_or_else(|error| {
            panic!("chromium cannot be started: {error}; scripts/setup.sh test installs it")
        });
    let log = String::from_utf8_lossy(&output.stderr);
    Seen {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: log
            .lines()
            .filter(|line| line.contains(":CONSOLE:"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
