//! SQLite's connections that read: each statement for itself, several at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::{Connection, Purpose};
use super::{Held, elsewhere, run};
use crate::column::RawRow;
use crate::connect::PATIENCE;
use crate::error::StoreError;
use crate::reader::Statement;

/// More than the cores that a server of one file has, yet few enough that
/// their page caches (2 MiB each) do not count.
const READERS: u32 = 8;

/// The connections; clones share them. They are opened when they are needed.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// As many permits as connections may be at work.
    places: Arc<Semaphore>,
    /// Open and not at work.
    idle: Mutex<Vec<Connection>>,
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A panic elsewhere leaves the list as it was.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    /// Connections to the file at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Arc::new(Shared {
            path: path.to_owned(),
            places: Arc::new(Semaphore::new(READERS as usize)),
            idle: Mutex::default(),
        }))
    }

    /// Runs a statement.
    pub(crate) async fn run(&self, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
        let reader = self.reader().await?;
        run(reader, statement).await.1
    }

    /// Closes the connections when the statements at work are done.
    pub(crate) async fn close(&self) {
        // An error says that they are closed already.
        if let Ok(all) = self.0.places.acquire_many(READERS).await {
            self.0.places.close();
            drop(all);
        }
        let idle = std::mem::take(&mut *self.0.idle());
        let closed = elsewhere("closing", || {
            drop(idle);
            Ok(())
        });
        // It fails when the program is ending, which closes them as well.
        let _ = closed.await;
    }

    async fn reader(&self) -> Result<Reader, StoreError> {
        let place = self.place().await?;
        let idle = self.0.idle().pop();
        let connection = if let Some(connection) = idle {
            connection
        } else {
            let path = self.0.path.clone();
            elsewhere("connecting", move || {
                Connection::open(&path, Purpose::Reading)
            })
            .await?
        };
        Ok(Reader {
            connection: Some(connection),
            readers: Arc::clone(&self.0),
            _place: place,
        })
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        const WHAT: &str = "waiting for a connection";
        let places = || Arc::clone(&self.0.places);
        if let Ok(place) = places().try_acquire_owned() {
            return Ok(place);
        }
        match timeout(PATIENCE, places().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(StoreError::unavailable(
                "reading",
                "the database was closed",
            )),
            Err(elapsed) => Err(StoreError::unavailable(WHAT, elapsed)),
        }
    }
}

/// A connection at work, which goes back when this is dropped.
struct Reader {
    /// Absent only while this is dropped.
    connection: Option<Connection>,
    readers: Arc<Shared>,
    /// Given free after the connection has gone back.
    _place: OwnedSemaphorePermit,
}

impl Held for Reader {
    fn connection(&mut self) -> &mut Connection {
        // INVARIANT: only `drop` takes it.
        self.connection
            .as_mut()
            .expect("a reader has its connection until its end")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.readers.idle().extend(self.connection.take());
    }
}
