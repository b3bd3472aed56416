//! Whether the database can be used: what a look finds, and how soon.

use std::net::SocketAddr;
use std::time::Duration;

use runnel_testdb::{Place, rename_table};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Db;
use crate::Store;

pub(super) async fn what_cannot_be_written_is_ill_until_it_can(db: Db) {
    db.store.ping().await.unwrap();
    rename(&db, "settings", "elsewhere").await;
    // Nobody has written, so nobody knows.
    db.store.ping().await.unwrap();
    let mut tx = db.store.begin().await.unwrap();
    tx.settings().get_or_insert("a", "b").await.unwrap_err();
    drop(tx);
    for _ in 0..3 {
        db.store.ping().await.unwrap_err();
    }
    rename(&db, "elsewhere", "settings").await;
    until_well(&db.store).await;
}

pub(super) async fn a_row_in_the_way_is_no_illness(db: Db) {
    db.org("a").await;
    let again = super::fixtures::org(&db, "a");
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&again).await.unwrap_err();
    drop(tx);
    rename(&db, "settings", "elsewhere").await;
    // A look does not write.
    db.store.ping().await.unwrap();
}

async fn rename(db: &Db, from: &'static str, to: &'static str) {
    let url = db.url.clone();
    // Elsewhere, so that a transaction that was dropped gets its turn to end.
    let renamed = tokio::task::spawn_blocking(move || {
        let place = match (url.server(), url.file()) {
            (Some(server), _) => Place::Postgres(server),
            (_, file) => Place::Sqlite(file.unwrap()),
        };
        rename_table(place, from, to);
    });
    renamed.await.unwrap();
}

async fn until_well(store: &Store) {
    let well = async {
        // What was found is kept for a moment.
        while store.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), well).await.unwrap();
}

/// A way to a server that can be cut.
struct Way {
    from: SocketAddr,
    to: String,
    carrying: JoinHandle<()>,
}

impl Way {
    async fn open(from: SocketAddr, to: String) -> Self {
        let listener = TcpListener::bind(from).await.unwrap();
        let from = listener.local_addr().unwrap();
        let target = to.clone();
        let carrying = tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Self { from, to, carrying }
    }

    async fn cut(&mut self) {
        self.carrying.abort();
        (&mut self.carrying).await.unwrap_err();
    }

    async fn mend(self) -> Self {
        Self::open(self.from, self.to).await
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_soon_and_with_the_reason() {
    let db = Db::postgres("a_server_that_is_away").await;
    let url = db.url.server().unwrap();
    let (_, place) = url.rsplit_once('@').unwrap();
    let (server, _) = place.split_once('/').unwrap();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut way = Way::open(free, server.to_owned()).await;
    let url = url.replace(server, &way.from.to_string());
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    store.ping().await.unwrap();
    way.cut().await;
    let looked = timeout(Duration::from_secs(3), store.ping());
    let asked = timeout(Duration::from_secs(20), store.begin());
    let (looked, asked) = tokio::join!(looked, asked);
    for error in [looked.unwrap().unwrap_err(), asked.unwrap().unwrap_err()] {
        let told = error.with_causes();
        assert!(told.contains("Connection refused"), "{told}");
    }
    let _way = way.mend().await;
    until_well(&store).await;
    store.begin().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_connections_are_all_at_work_is_not_ill() {
    let db = Db::postgres("all_at_work").await;
    let mut at_work = Vec::new();
    for _ in 0..16 {
        at_work.push(db.store.begin().await.unwrap());
    }
    db.store.ping().await.unwrap();
    drop(at_work);
}
