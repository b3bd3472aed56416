//! The process that cleans up after the test process, however that ends.
//!
//! A destructor would not do: statics are never dropped, and a test process may
//! be killed. The kernel closes the pipe in every case.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// A running guard; its script ends its waiting when the process ends.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Starts `script` in a shell. It must read its standard input to the end
    /// before it does its work.
    pub(crate) fn start<'a>(script: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            // Ctrl-C reaches every process of the terminal; the guard has to outlive it.
            .args(["-c", &format!("trap '' INT TERM HUP\n{script}"), "guard"])
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("cannot start /bin/sh: {error}")),
        )
    }

    /// Tells the guard's script a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let told = self.0.stdin.as_mut().map(|stdin| writeln!(stdin, "{line}"));
        assert!(
            matches!(told, Some(Ok(()))),
            "the guard of the test databases is gone: {told:?}"
        );
    }
}
