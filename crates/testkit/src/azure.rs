//! Azurite, Microsoft's own emulator of Azure's object store: one process for
//! each test process, with a container in which every test has a prefix.
//!
//! It checks every signature, of headers and of URLs, against the key of its one
//! account, and by the clock of the machine, so an app that signs for it begins
//! with that.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use runnel_blobs::Variables;

use crate::official_client::{self, TOOLS};

/// The account that the emulator knows, with its published key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The container that is there from the start.
const CONTAINER: &str = "media";

/// Runs the emulator until its own standard input ends, which it does with the
/// test process, however that ends.
const GUARD: &str = r#"
trap '' INT TERM HUP
folder=$1
shift
"$@" --location "$folder" &
while read -r line; do :; done
kill -9 "$!"
rm -rf "$folder"
"#;

static SHARED: OnceLock<Arc<Azurite>> = OnceLock::new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// A part of a running emulator, for one test.
#[derive(Debug)]
pub struct AzureServer {
    azurite: Arc<Azurite>,
    prefix: String,
}

#[derive(Debug)]
struct Azurite {
    port: u16,
    guard: Child,
    /// Kept open: who writes to a closed one dies of it.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl AzureServer {
    /// A prefix of its own in the emulator of this test process, about two
    /// seconds the first time.
    pub async fn start() -> Self {
        let shared = || Arc::clone(SHARED.get_or_init(Azurite::start));
        Self::of(tokio::task::spawn_blocking(shared).await.unwrap())
    }

    /// An emulator of its own, which ends when this is dropped.
    pub async fn alone() -> Self {
        Self::of(tokio::task::spawn_blocking(Azurite::start).await.unwrap())
    }

    fn of(azurite: Arc<Azurite>) -> Self {
        let number = PREFIXES.fetch_add(1, Ordering::Relaxed);
        Self {
            azurite,
            prefix: format!("test-{number}"),
        }
    }

    /// Where the account is.
    pub fn endpoint(&self) -> String {
        self.azurite.endpoint()
    }

    /// The storage URL of the test's prefix; the store may be silent for two seconds.
    pub fn storage_url(&self) -> String {
        self.url_of(CONTAINER)
    }

    /// The storage URL of some container.
    pub fn url_of(&self, container: &str) -> String {
        let (prefix, endpoint) = (&self.prefix, self.endpoint());
        format!("az://{container}/{prefix}?endpoint={endpoint}&timeout=2")
    }

    /// The names and values of the credentials.
    pub fn credentials(&self) -> [(String, String); 2] {
        Self::credentials_with(KEY)
    }

    /// The credentials, as an environment has them.
    pub fn variables(&self) -> Variables {
        Variables::of(self.credentials())
    }

    /// Credentials with another key.
    pub fn credentials_with(key: &str) -> [(String, String); 2] {
        let pairs = [
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
            ("AZURE_STORAGE_ACCOUNT_KEY", key),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// The names of the test's objects, below its prefix, as the official client
    /// finds them.
    pub fn objects(&self) -> Vec<PathBuf> {
        let script = "for blob in container.list_blobs(name_starts_with=prefix):\n    \
             print(blob.name[len(prefix):])";
        let mut names: Vec<PathBuf> = self.ask(script).lines().map(PathBuf::from).collect();
        names.sort();
        names
    }

    /// What `azure-storage-blob`, the official client for Python, answers to
    /// `script`, which has a client `container` and the `prefix`, and prints.
    /// Blocks for as long as that takes.
    pub fn ask(&self, script: &str) -> String {
        self.azurite.ask(&self.prefix, script)
    }
}

impl Azurite {
    fn start() -> Arc<Self> {
        let program = format!("{TOOLS}/node/node_modules/azurite/dist/src/blob/main.js");
        assert!(
            Path::new(&program).exists(),
            "{program} is missing; run `scripts/setup.sh test`, which makes it"
        );
        let folder = tempfile::Builder::new().prefix("runnel-azurite-").tempdir();
        // The guard removes it; this process may not live to do so.
        let folder = folder.unwrap().keep();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "guard"]).arg(&folder);
        command.args(["node", &program, "--blobHost", "127.0.0.1"]);
        // The clients of two makers, whose versions of the protocol it may not know yet.
        command.args(["--blobPort", "0", "--silent", "--skipApiVersionCheck"]);
        command.arg("--disableTelemetry");
        command.current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = command.spawn().unwrap();
        let mut stdout = BufReader::new(guard.stdout.take().unwrap());
        let mut told = String::new();
        let port = loop {
            let begun = told.len();
            let read = stdout.read_line(&mut told).unwrap();
            assert!(read > 0, "the emulator does not start: {told}");
            if let Some((_, port)) = told[begun..].split_once("listens on http://127.0.0.1:") {
                break port.trim().parse().unwrap();
            }
        };
        let started = Self {
            port,
            guard,
            _stdout: stdout,
        };
        started.ask("", "container.create_container()");
        Arc::new(started)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    fn ask(&self, prefix: &str, script: &str) -> String {
        let whole = format!(
            "from azure.storage.blob import ContainerClient\n\
             container = ContainerClient('{}', '{CONTAINER}', credential={{'account_name': '{ACCOUNT}', 'account_key': '{KEY}'}})\n\
             prefix = '{prefix}/'\n{script}\n",
            self.endpoint()
        );
        official_client::ask("clouds", &whole, "")
    }
}
