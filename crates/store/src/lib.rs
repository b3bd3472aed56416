//! Every SQL statement of Runnel, for SQLite and PostgreSQL.
//!
//! # Rules of this crate
//! - One file for each table, one function for each statement, one text for
//!   both engines. What cannot be one text is in `dialect.rs`.
//! - The tenant is the first argument of everything that belongs to one. What
//!   takes none says so in its documentation, with the reason.
//! - Reads work on [`Store::read`] and, seeing the transaction's own writes, on
//!   a [`Tx`]; writes exist on a [`Tx`] alone. What is not there is `Ok(None)`,
//!   and what changes a row returns the row as it is then.
//! - State and the job that follows from it are written in one [`Tx`]. No [`Tx`]
//!   lives across a wait for anything but the database: on SQLite there is one
//!   writer, and everybody else waits for it.
//!
//! # Durability
//! When [`Tx::commit`] returns `Ok`, the change survives the loss of power:
//! SQLite has synced its log (transactions that wait at the same time share one
//! sync: `sqlite/group_commit.rs`), PostgreSQL its own. A [`Tx`] that is dropped
//! leaves nothing.

mod column;
mod connect;
mod dialect;
mod error;
mod health;
mod migrate;
mod opening;
mod page;
mod postgres;
mod query;
mod reader;
mod run_signal;
mod sets;
mod signal;
mod sqlite;
mod tx;

pub mod api_keys;
pub mod assets;
pub mod batches;
pub mod callback_secrets;
pub mod deliveries;
pub mod folders;
pub mod idempotency_keys;
pub mod jobs;
pub mod orgs;
pub mod resumable_uploads;
pub mod run_logs;
pub mod runs;
pub mod settings;
pub mod uploads;
pub mod webhooks;

#[cfg(test)]
mod conformance;

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use crate::connect::DatabaseUrl;
use crate::connect::Engine;
pub use crate::dialect::Dialect;
pub use crate::error::{Cause, StoreError};
use crate::health::Health;
pub use crate::reader::{Read, Reader};
use crate::run_signal::RunSignals;
pub use crate::run_signal::RunWatch;
pub use crate::tx::Tx;

/// An open database; clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: DatabaseUrl,
    engine: Arc<Engine>,
    health: Health,
    signal: Arc<Notify>,
    run_signals: Arc<RunSignals>,
    listener: OnceLock<[AbortHandle; 2]>,
}

impl Store {
    /// Opens the database, making SQLite's file with its folder when there is
    /// none, and migrates it.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] when it cannot be reached or made,
    /// [`StoreError::NewerSchema`] when a newer version was at work on it,
    /// [`StoreError::Migration`] when a migration failed.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::open_at(url, i64::MAX).await
    }

    /// The same with a schema of version `until` at most, as an older program has it.
    pub(crate) async fn open_at(url: &DatabaseUrl, until: i64) -> Result<Self, StoreError> {
        let engine = Arc::new(connect::open(url, until).await?);
        let signal = Arc::new(Notify::new());
        Ok(Self(Arc::new(Inner {
            url: url.clone(),
            engine,
            health: Health::default(),
            signal,
            run_signals: Arc::new(RunSignals::new()),
            listener: OnceLock::new(),
        })))
    }

    /// Begins a transaction.
    ///
    /// On SQLite it is alone: the next one begins when this one ends.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], after 30 s at the latest, on PostgreSQL 11.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Tx::begin(self).await
    }

    /// Reads what is committed, outside any transaction.
    pub fn read(&self) -> Read {
        Read::new(Arc::clone(&self.0.engine))
    }

    /// Which engine this is.
    pub fn dialect(&self) -> Dialect {
        self.0.engine.dialect()
    }

    /// Closes every connection, after the transactions that are open have
    /// ended. SQLite's log is folded into its file. Calls after this fail with
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.0.stop_listening();
        match &*self.0.engine {
            Engine::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

impl Inner {
    fn stop_listening(&self) {
        for task in self.listener.get().into_iter().flatten() {
            task.abort();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_listening();
    }
}
