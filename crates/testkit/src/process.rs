//! The executable as a process of its own, to be killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running `runnel serve`. Killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub base_url: String,
}

impl Process {
    /// Starts `executable serve` on `data_dir` and waits until it listens.
    pub fn serve(executable: &str, data_dir: &Path, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(executable);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir);
        command
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some(base_url) = line.trim().strip_prefix("listening on ") else {
            let mut error = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut error);
            panic!("the server does not listen; it said {line:?} and {error}");
        };
        let base_url = base_url.to_owned();
        Self { child, base_url }
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits for its end; answers with how it ended and
    /// what it wrote to stderr.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let mut error = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut error);
        (self.child.wait().unwrap(), error)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
