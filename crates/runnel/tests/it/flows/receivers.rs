//! The receivers of `docs/callbacks.md`, taken out of the page and run: what is
//! genuine is taken once, everything else is refused, and a change of secrets as
//! the page tells it loses nothing.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use runnel_testkit::{Db, Receiver, Request, Storage, TestApp};
use runnel_types::{Clock, SeededEntropy, SystemClock};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The block of the page that is marked `file=name`.
fn block(name: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/callbacks.md")).unwrap();
    let mark = format!("file={name}\n");
    let begin = page
        .find(&mark)
        .unwrap_or_else(|| panic!("no block {name} in the page"));
    let code = &page[begin + mark.len()..];
    code[..code.find("```").unwrap()].to_owned()
}

/// A receiver at work. Killed when it is dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Running {
    fn start(mut command: Command, secrets: &str) -> Self {
        // Free a moment ago; nobody else on this machine takes it meanwhile.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let spawned = command
            .env("PORT", port.to_string())
            .env("CALLBACK_SECRETS", secrets)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let url = format!("http://127.0.0.1:{port}/");
        Self { child, lines, url }
    }

    /// Reads its next line, which tells of `run`.
    fn told_of(&mut self, run: &str) {
        let told = self.lines.next().unwrap().unwrap();
        assert_eq!(told, format!("run.completed {run}"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message as it arrived once.
#[derive(Clone)]
struct Message {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    run: String,
}

impl Message {
    /// That of a run whose callback goes to somebody who keeps it.
    async fn kept(app: &TestApp) -> Self {
        let keeper = Receiver::start(&[]).await;
        let run = tell_of_a_run(app, keeper.url()).await;
        let (head, body) = keeper.received_exactly().remove(0);
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let proofs = headers.filter(|(name, _)| {
            name.starts_with("webhook-") || name.eq_ignore_ascii_case("runflow-signature")
        });
        Self {
            headers: proofs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body,
            run,
        }
    }

    /// Sends it to a receiver; answers with the status.
    async fn send(&self, url: &str) -> u16 {
        let request = Request::new("POST", url).body(self.body.clone());
        let headers = self.headers.iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        request.send().await.status
    }

    fn with_body(&self, from: &str, to: &str) -> Self {
        let body = String::from_utf8(self.body.clone()).unwrap();
        let changed = body.replace(from, to);
        assert_ne!(changed, body);
        Self {
            body: changed.into_bytes(),
            ..self.clone()
        }
    }
}

/// Ends a run that tells `url` so; answers with the run's id.
async fn tell_of_a_run(app: &TestApp, url: &str) -> String {
    let body = json!({"input": {"text": "größer"}, "callback_url": url});
    let run = app.post("/v1/models/runnel/echo/runs", &body).send().await;
    let id = run.assert(201).json()["id"].as_str().unwrap().to_owned();
    app.run_jobs().await;
    let callback = app.get(&format!("/v1/runs/{id}/callback")).send().await;
    let callback = callback.assert(200).json();
    assert_eq!(callback[0]["status_code"], "succeeded", "{callback}");
    id
}

/// Makes a callback secret; answers with its id and itself.
async fn make_secret(app: &TestApp) -> (String, String) {
    let made = app.post("/v1/callback-secrets", &json!({})).send().await;
    let made = made.assert(201).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("plain_secret"))
}

/// A server that may call the loopback, with its callback secret and that one's
/// id; they follow from the seed.
async fn signing_app(seed: u64) -> (TestApp, String, String) {
    let app = TestApp::start_in(Db::Sqlite, Storage::Disk, |settings, environment| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
        environment.entropy = Arc::new(SeededEntropy::new(seed));
    })
    .await;
    let (id, secret) = make_secret(&app).await;
    (app, id, secret)
}

async fn takes_what_is_genuine_once(start: impl Fn(&Path, &str) -> Running) {
    let (app, id, secret) = signing_app(1).await;
    let (other, ..) = signing_app(2).await;
    // First, since building one may take longer than a message is good for.
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = start(folder.path(), &secret);
    let now = SystemClock.now();
    app.clock.set(now.minus(Duration::from_mins(10)));
    let stale = Message::kept(&app).await;
    app.clock.set(now);
    other.clock.set(now);
    let genuine = Message::kept(&app).await;
    let wrongly_signed = Message::kept(&other).await;
    let bare = Message {
        headers: Vec::new(),
        ..genuine.clone()
    };
    for (message, status, name) in [
        (&wrongly_signed, 401, "signed with another secret"),
        (&stale, 401, "ten minutes old"),
        (&bare, 401, "not signed"),
        (
            &genuine.with_body("größer", "kleiner"),
            401,
            "tampered with",
        ),
        (
            &genuine.with_body("}", "} "),
            401,
            "the same JSON in other bytes",
        ),
        (&genuine, 204, "genuine"),
        (&genuine, 204, "again"),
    ] {
        assert_eq!(message.send(&receiver.url).await, status, "{name}");
    }
    let run = tell_of_a_run(&app, &receiver.url).await;
    receiver.told_of(&genuine.run);
    receiver.told_of(&run);
    keeps_taking_while_secrets_change(&app, receiver, start, [id, secret]).await;
    other.stop().await;
    app.stop().await;
}

/// The steps of the page's rotation, with a run at each.
async fn keeps_taking_while_secrets_change(
    app: &TestApp,
    mut knows_first: Running,
    start: impl Fn(&Path, &str) -> Running,
    [first_id, first]: [String; 2],
) {
    let (second_id, second) = make_secret(app).await;
    let folder = tempfile::tempdir().unwrap();
    let mut knows_both = start(folder.path(), &format!("{first},{second}"));
    let current = json!({"is_current": true});
    let path = format!("/v1/callback-secrets/{second_id}");
    app.patch(&path, &current).send().await.assert(200);
    let run = tell_of_a_run(app, &knows_first.url).await;
    knows_first.told_of(&run);
    let path = format!("/v1/callback-secrets/{first_id}");
    app.delete(&path).send().await.assert(204);
    let run = tell_of_a_run(app, &knows_both.url).await;
    knows_both.told_of(&run);
}

#[tokio::test]
async fn the_receiver_for_node() {
    Box::pin(takes_what_is_genuine_once(|folder, secrets| {
        let file = folder.join("receiver.mjs");
        std::fs::write(&file, block("receiver.mjs")).unwrap();
        let modules = root().join("target/test-tools/node/node_modules");
        std::os::unix::fs::symlink(modules, folder.join("node_modules")).unwrap();
        let mut node = Command::new("node");
        node.arg(file);
        Running::start(node, secrets)
    }))
    .await;
}

#[tokio::test]
async fn the_receiver_for_python() {
    Box::pin(takes_what_is_genuine_once(|folder, secrets| {
        let file = folder.join("receiver.py");
        std::fs::write(&file, block("receiver.py")).unwrap();
        let mut python = Command::new(root().join("target/test-tools/python/bin/python"));
        python.arg(file);
        Running::start(python, secrets)
    }))
    .await;
}

#[tokio::test]
async fn the_receiver_for_go() {
    Box::pin(takes_what_is_genuine_once(|folder, secrets| {
        let (file, program) = (folder.join("receiver.go"), folder.join("receiver"));
        std::fs::write(&file, block("receiver.go")).unwrap();
        let mut go = Command::new("go");
        go.args(["build", "-o"]).args([&program, &file]);
        // The standard library is all that it needs; kept, since building that
        // takes a while.
        go.env("GOCACHE", root().join("target/test-tools/go"))
            .envs([("GO111MODULE", "off"), ("CGO_ENABLED", "0")])
            .envs([("GOFLAGS", ""), ("GOPROXY", "off")]);
        build(go);
        Running::start(Command::new(program), secrets)
    }))
    .await;
}

#[tokio::test]
async fn the_receiver_for_rust() {
    let shown = block("receiver.rs");
    let file = root().join("crates/api/examples/receiver.rs");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(
        kept.ends_with(&shown),
        "docs/callbacks.md must show {} from its first `use` to its end",
        file.display()
    );
    Box::pin(takes_what_is_genuine_once(|_, secrets| {
        // Beside this executable, by the same profile and with the features of
        // the whole workspace, so that nothing is built but the program itself.
        let it = std::env::current_exe().unwrap();
        let folder = it.parent().and_then(Path::parent).unwrap();
        let profile = match folder.file_name().and_then(OsStr::to_str).unwrap() {
            "debug" => "dev",
            other => other,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let mut cargo = Command::new(cargo);
        cargo
            .args(["build", "--quiet", "--locked", "--offline", "--workspace"])
            .args(["--example", "receiver", "--profile", profile])
            .arg("--target-dir")
            .arg(folder.parent().unwrap())
            .current_dir(root());
        // What cargo tells this test of its own package would be taken for a
        // change by build scripts that look at it, and nearly all be built again.
        for (name, _) in std::env::vars() {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        build(cargo);
        Running::start(Command::new(folder.join("examples/receiver")), secrets)
    }))
    .await;
}

fn build(mut command: Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}
