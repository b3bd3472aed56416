//! All terminal output: data on stdout, everything else on stderr.

use std::io::Write;

use runnel_types::{Clock, SystemClock};
use serde_json::json;

use crate::Failure;
use crate::config::LogFormat;

/// Writes a line of data to stdout.
///
/// A reader that has gone away (`runnel keys list | head -1`) is no failure.
pub(crate) fn data(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line for a person to stderr.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes a failure and its hint to stderr, in the form of the log. The log
/// itself may be switched off, and this is told all the same.
pub(crate) fn failure(failure: &Failure, format: LogFormat) {
    if format == LogFormat::Json {
        let line = json!({
            "timestamp": SystemClock.now().to_rfc3339(),
            "level": "ERROR",
            "message": failure.to_string(),
            "hint": failure.advice(),
        });
        return note(&line.to_string());
    }
    note(&format!("error: {failure}"));
    if let Some(hint) = failure.advice() {
        note(&format!("hint: {hint}"));
    }
}
