//! All terminal output: data on stdout, everything else on stderr.

use std::io::Write;

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

/// Writes a failure and its hint to stderr.
pub(crate) fn failure(failure: &crate::Failure) {
    note(&format!("error: {failure}"));
    if let Some(hint) = failure.advice() {
        note(&format!("hint: {hint}"));
    }
}
