//! The unit of work: begin, write state and jobs, commit.

use runnel_types::RunId;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection};

use crate::column::Args;
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::group_commit::Lease;
use crate::reader::{Read, Reader, Statement};
use crate::run_signal::Change;
use crate::{
    Store, api_keys, assets, batches, callback_secrets, deliveries, folders, idempotency_keys,
    jobs, orgs, resumable_uploads, run_logs, runs, settings, signal, uploads, webhooks,
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
    Sqlite(Lease),
    Postgres(sqlx::Transaction<'static, Any>),
}

impl Link {
    fn connection(&mut self) -> &mut AnyConnection {
        match self {
            Self::Sqlite(lease) => lease.connection(),
            Self::Postgres(transaction) => transaction,
        }
    }
}

impl Tx {
    pub(crate) async fn begin(store: &Store) -> Result<Self, StoreError> {
        let link = if let Some(writer) = &store.0.writer {
            Link::Sqlite(writer.begin().await?)
        } else {
            let begun = store.0.pool.begin().await;
            Link::Postgres(
                begun.map_err(|error| store.dialect().error("beginning a transaction", error))?,
            )
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
        match self.link {
            Link::Sqlite(lease) => lease.commit().await?,
            Link::Postgres(transaction) => {
                transaction
                    .commit()
                    .await
                    .map_err(|error| Dialect::Postgres.error("committing", error))?;
            }
        }
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

    async fn rows(&mut self, statement: Statement) -> Result<Vec<AnyRow>, StoreError> {
        // Set until the statement has ended well, so that a cancelled one counts
        // as failed too.
        if std::mem::replace(&mut self.broken, true) {
            return Err(StoreError::Broken);
        }
        let table = statement.table();
        let dialect = Tx::dialect(self);
        let rows = statement
            .run(self.link.connection())
            .await
            .map_err(|error| dialect.error(table, error))?;
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
