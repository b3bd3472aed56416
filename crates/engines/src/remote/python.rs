//! For tests: model servers that others wrote, as processes of their own.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server. It and what it started end when it is dropped.
#[derive(Debug)]
pub(crate) struct Python {
    child: Child,
    pub(crate) url: String,
}

impl Python {
    /// Starts Cog's server with a class of `predict.py`.
    pub(crate) async fn cog(class: &str) -> Self {
        let stub = format!("predict.py:{class}");
        let port = free_port();
        let mut command = python("cog");
        command
            .args(["-m", "cog.server.http", "--host", "127.0.0.1"])
            .env("COG_PREDICT_TYPE_STUB", stub)
            .env("PORT", port.to_string());
        Self::start(command, port, "/health-check", "\"READY\"").await
    }

    /// Starts a script that takes its port as an argument.
    pub(crate) async fn script(script: &str, path: &str, ready: &str) -> Self {
        let port = free_port();
        let mut command = python("serve");
        command.args([script, &port.to_string()]);
        Self::start(command, port, path, ready).await
    }

    /// Starts ComfyUI's server without a graphics card, in a folder of its own.
    pub(crate) async fn comfyui(folder: &Path) -> Self {
        let port = free_port();
        let mut command = python("comfyui");
        command
            .args([
                "-m",
                "comfy.cmd.main",
                "--cpu",
                "--listen",
                "127.0.0.1",
                "--port",
            ])
            .arg(port.to_string())
            .arg("--cwd")
            .arg(folder);
        Self::start(command, port, "/system_stats", "\"devices\"").await
    }

    async fn start(mut command: Command, port: u16, path: &str, ready: &str) -> Self {
        command
            .current_dir(servers())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut this = Self { child, url };
        let begun = Instant::now();
        while !this.answers(path, ready).await {
            let died = this.child.try_wait().unwrap();
            let is_late = begun.elapsed() > Duration::from_mins(4);
            assert!(
                died.is_none() && !is_late,
                "{command:?} does not serve: {}",
                this.told()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Nobody reads what it says later, so it must not wait for a reader.
        let mut pipe = this.child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
        this
    }

    /// Waits until a GET of `path` is answered with `words`.
    pub(crate) async fn wait_for(&self, path: &str, words: &str) {
        let waiting = async {
            while !self.answers(path, words).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        assert!(waited.is_ok(), "{path} never said {words}");
    }

    async fn answers(&self, path: &str, ready: &str) -> bool {
        let door = crate::remote::stub::door();
        let server = super::Server::new(door.to_origin(&self.url, None).unwrap(), Vec::new());
        let call = super::Call::get(path).within(Duration::from_secs(2));
        let Ok(reply) = server.send(call).await else {
            return false;
        };
        let is_success = reply.is_success();
        let body = reply.read_start(4096).await;
        is_success && String::from_utf8_lossy(&body).contains(ready)
    }

    fn told(&mut self) -> String {
        self.end();
        let mut told = String::new();
        if let Some(pipe) = &mut self.child.stderr {
            let _ = pipe.read_to_string(&mut told);
        }
        told
    }

    /// Ends it as a crash would.
    pub(crate) fn end(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.end();
    }
}

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers")
}

/// Python of the tools that the set-up installs, with its own folder first.
fn python(tools: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../target/test-tools").join(tools).join("bin");
    let python = folder.join("python");
    assert!(
        python.exists(),
        "{} is not there; scripts/setup.sh test installs it",
        python.display()
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(python);
    command
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
