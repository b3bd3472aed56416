//! The unit of work: begin, write state and jobs, commit.

use runnel_types::RunId;
use sqlx::Postgres;

use crate::column::{Args, RawRow};
use crate::connect::Engine;
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::reader::{Read, Reader, Statement};
use crate::run_signal::Change;
use crate::sqlite::{self, Lease};
use crate::{
    Store, api_keys, assets, batches, callback_secrets, deliveries, folders, idempotency_keys,
    jobs, orgs, postgres, resumable_uploads, run_logs, runs, settings, signal, uploads, webhooks,
};

/// A transaction. Dropping it leaves nothing of it.
///
/// After a statement failed or was cancelled, on PostgreSQL nothing more can be
/// done in its transaction, and the same holds here for both engines: further
/// statements and the commit answer [`StoreError::Broken`].
#[derive(Debug)]
pub struct Tx {
    store: Store,
    link: Link,
    enqueued: bool,
    changed_runs: Vec<Change>,
    broken: bool,
}

#[derive(Debug)]
enum Link {
    /// Absent while another thread is at work with it, or for ever when that
    /// one was lost.
    Sqlite(Option<Lease>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Link {
    async fn run(&mut self, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
        match self {
            Self::Sqlite(lease) => {
                let held = lease.take().ok_or(StoreError::Broken)?;
                let (back, rows) = sqlite::run(held, statement).await;
                *lease = back;
                rows
            }
            Self::Postgres(transaction) => postgres::run(transaction, statement).await,
        }
    }

    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(lease) => lease.ok_or(StoreError::Broken)?.commit().await,
            Self::Postgres(transaction) => postgres::commit(transaction).await,
        }
    }
}

impl Tx {
    pub(crate) async fn begin(store: &Store) -> Result<Self, StoreError> {
        let link = match &*store.0.engine {
            Engine::Sqlite { writer, .. } => {
                let lease = writer.begin().await;
                Link::Sqlite(Some(
                    lease.inspect_err(|error| store.0.health.doubt(error))?,
                ))
            }
            Engine::Postgres(pool) => Link::Postgres(postgres::begin(pool).await?),
        };
        Ok(Self {
            store: store.clone(),
            link,
            enqueued: false,
            changed_runs: Vec::new(),
            broken: false,
        })
    }

    /// Makes everything written durable and visible, wakes the workers when a
    /// job is among it, and those who watch a run that it changed.
    ///
    /// # Errors
    /// [`StoreError::Broken`] after a failed statement; nothing is written.
    /// [`StoreError::Unavailable`] when the commit was not confirmed. On
    /// PostgreSQL it may have happened all the same, when the connection was
    /// lost just then: whoever tries again must be ready to find it done.
    ///
    /// # Cancel safety
    /// When the future is dropped, the transaction may or may not be committed.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        if self.enqueued && self.dialect() == Dialect::Postgres {
            (&mut self)
                .rows(Statement::new("jobs", signal::NOTIFY, Args::new()))
                .await?;
        }
        let committed = self.link.commit().await;
        committed.inspect_err(|error| self.store.0.health.doubt(error))?;
        if self.enqueued {
            self.store.raise();
        }
        self.store.raise_runs(&self.changed_runs);
        Ok(())
    }

    /// Which engine this is.
    pub(crate) fn dialect(&self) -> Dialect {
        self.store.dialect()
    }

    /// Wakes the workers after the commit.
    pub(crate) const fn note_enqueued(&mut self) {
        self.enqueued = true;
    }

    /// Wakes those who watch the run after the commit.
    pub(crate) fn note_changed(&mut self, run: RunId, is_end: bool) {
        match self.changed_runs.iter_mut().find(|noted| noted.run == run) {
            Some(noted) => noted.is_end |= is_end,
            None => self.changed_runs.push(Change { run, is_end }),
        }
    }
}

impl Reader for &mut Tx {
    fn dialect(&self) -> Dialect {
        Tx::dialect(self)
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<RawRow>, StoreError> {
        // Set until the statement has ended well, so that a cancelled one counts
        // as failed too.
        if std::mem::replace(&mut self.broken, true) {
            return Err(StoreError::Broken);
        }
        let rows = self.link.run(statement).await;
        let rows = rows.inspect_err(|error| self.store.0.health.doubt(error))?;
        self.broken = false;
        Ok(rows)
    }
}

/// Defines, for each table, how to get at its statements.
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $type:ident,)*) => {
        impl Tx {
            $($(#[$doc])* pub const fn $table(&mut self) -> $table::$type<&mut Self> {
                $table::$type(self)
            })*
        }

        impl Read {
            $($(#[$doc])* pub const fn $table(&self) -> $table::$type<&Self> {
                $table::$type(self)
            })*
        }
    };
}

tables! {
    /// Organizations.
    orgs: Orgs,
    /// API keys.
    api_keys: ApiKeys,
    /// Upload sessions.
    uploads: Uploads,
    /// Uploads whose bytes arrive in pieces.
    resumable_uploads: ResumableUploads,
    /// Assets.
    assets: Assets,
    /// Folders.
    folders: Folders,
    /// Secrets that sign callbacks.
    callback_secrets: CallbackSecrets,
    /// Idempotency keys and the answers kept under them.
    idempotency_keys: IdempotencyKeys,
    /// Runs.
    runs: Runs,
    /// Batches of runs.
    batches: Batches,
    /// Lines of runs' logs.
    run_logs: RunLogs,
    /// Webhooks.
    webhooks: Webhooks,
    /// Callbacks, events for webhooks, and their attempts.
    deliveries: Deliveries,
    /// Background work.
    jobs: Jobs,
    /// Values that this installation keeps.
    settings: Settings,
}
