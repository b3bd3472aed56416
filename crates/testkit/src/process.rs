//! The executable as a process of its own, to be killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A running `runnel serve` or `runnel worker`. Killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    // Read all the time: a pipe that nobody empties would stop a server that logs.
    stderr: Option<JoinHandle<()>>,
    told: Arc<Mutex<Vec<u8>>>,
    /// Where it listens.
    pub base_url: String,
}

impl Process {
    /// Starts `executable serve` on `data_dir`, with no variable of the test's
    /// own beyond `variables`, and waits until it listens.
    pub fn serve(executable: &str, data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        Self::start(executable, &arguments, data_dir, variables)
    }

    /// The same with `executable worker`.
    pub fn worker(executable: &str, data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start(executable, &["worker"], data_dir, variables)
    }

    fn start(
        executable: &str,
        arguments: &[&str],
        data_dir: &Path,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(executable);
        command.args(arguments).arg("--data-dir").arg(data_dir);
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("RUNNEL_") || name.starts_with("RUNFLOW_"))
        {
            command.env_remove(name);
        }
        command
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let stderr = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                locked(&telling).extend_from_slice(&chunk[..read]);
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some(base_url) = line.trim().strip_prefix("listening on ") else {
            let _ = child.kill();
            let _ = child.wait();
            let _ = stderr.join();
            panic!(
                "the server does not listen; it said {line:?} and {}",
                String::from_utf8_lossy(&locked(&told))
            );
        };
        let base_url = base_url.to_owned();
        Self {
            child,
            stderr: Some(stderr),
            told,
            base_url,
        }
    }

    /// Where `path` is now: the port changes with each start.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// The most memory that it has held so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// The limits that the kernel sets it, as the kernel tells them.
    pub fn limits(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and does not wait.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Tells it that its model file has changed, and does not wait.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
    }

    /// What it wrote to stderr so far.
    pub fn told(&self) -> String {
        String::from_utf8_lossy(&locked(&self.told)).into_owned()
    }

    /// Waits for its end; answers with how it ended and what it wrote to stderr.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.stderr.take().unwrap().join().unwrap();
        (status, self.told())
    }

    /// Asks it to stop, and waits for its end; answers as [`Process::wait`].
    pub fn terminate(self) -> (ExitStatus, String) {
        self.ask_to_stop();
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn locked(told: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
