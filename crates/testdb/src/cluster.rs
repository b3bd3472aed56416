//! The server that the databases lie in: a named one, or a private cluster.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::guard::Guard;
use crate::programs::{command, command_as_server, hand_over, run};
use crate::url::with_database;

/// Stops the private server the quick way (its data is thrown away) and removes its folder.
const STOP_CLUSTER: &str = r#"
while read -r line; do :; done
pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "$pid"
tries=0
while [ -n "$pid" ] && kill -0 "$pid" && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
rm -rf "$1"
"#;

/// Drops the databases whose names it was told from a server that stays.
const DROP_DATABASES: &str = r#"
names=
while read -r name; do names="$names $name"; done
for name in $names; do "$1" -Xqc "DROP DATABASE IF EXISTS $name WITH (FORCE)" -d "$2"; done
"#;

/// A server that databases can be created in.
#[derive(Debug)]
pub(crate) struct Server {
    /// A database of it that is always there.
    url: String,
    /// Cleans up in the end.
    guard: Guard,
}

impl Server {
    /// Takes the server that the environment names, else makes one.
    pub(crate) fn find_or_make() -> Self {
        match std::env::var(crate::VARIABLE) {
            Ok(url) if !url.is_empty() => Self::named(url),
            _ => Self::private(),
        }
    }

    fn named(url: String) -> Self {
        let guard = Guard::start(
            DROP_DATABASES,
            [command("psql").get_program(), url.as_ref()],
        );
        Self { url, guard }
    }

    fn private() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("runnel-postgres-")
            .tempdir()
            .unwrap_or_else(|error| {
                panic!("cannot make a temporary folder for PostgreSQL: {error}")
            })
            // The guard removes it; this process may not live to do so.
            .keep();
        let guard = Guard::start(STOP_CLUSTER, [folder.as_os_str()]);
        hand_over(&folder);
        let data = folder.join("data");
        let mut initdb = command_as_server("initdb");
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        run(initdb.arg(&data));
        let port = start(&folder, &data);
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        Self { url, guard }
    }

    /// Makes the database `name` and gives its URL.
    ///
    /// It orders text as a language does, whatever the server's own locale: what
    /// relies on the order of bytes has to ask for it, and is seen when it does not.
    pub(crate) fn create(&mut self, name: &str) -> String {
        self.guard.tell(name);
        let statement = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING UTF8 \
             LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        );
        run(command("psql").args(["-Xqc", &statement, "-d", &self.url]));
        with_database(&self.url, name)
    }
}

/// Starts the server on a free port and returns when it answers.
fn start(folder: &Path, data: &Path) -> u16 {
    let port = free_port();
    // Nothing here has to survive a crash of the machine, so nothing is synced.
    let options = format!(
        "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off \
         -c full_page_writes=off -c max_connections=300 -c shared_buffers=32MB -c autovacuum=off",
        folder.display()
    );
    let mut pg_ctl = command_as_server("pg_ctl");
    pg_ctl.args(["start", "--wait", "--silent", "-o", &options, "-l"]);
    run(pg_ctl.arg(folder.join("log")).arg("-D").arg(data));
    port
}

fn free_port() -> u16 {
    // The port is free for whoever binds it next; that it is taken in the
    // instant between is rare, and then the server's start fails with its name.
    let bound =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound
        .unwrap_or_else(|error| panic!("cannot find a free port on 127.0.0.1: {error}"))
        .port()
}
