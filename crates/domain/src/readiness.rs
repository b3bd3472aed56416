//! Whether each part that the server needs is there.

use std::time::Duration;

use tokio::time::timeout;

use crate::Services;

/// How long the storage may take. Whoever asks gives up sooner than a bucket
/// that is silent; the database has a limit of its own.
const STORAGE_PATIENCE: Duration = Duration::from_secs(3);

/// What was found; `true` is there.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    /// The database answers, and can be written as far as is known.
    pub database: bool,
    /// The storage can be written.
    pub storage: bool,
    /// There are models to run.
    pub engines: bool,
}

impl Readiness {
    /// Whether everything is there.
    pub const fn is_ready(self) -> bool {
        self.database && self.storage && self.engines
    }
}

impl Services {
    /// Looks at each part. Why the database cannot be used is logged by the
    /// store, once for each time that it becomes so.
    pub async fn readiness(&self) -> Readiness {
        let (database, storage) = tokio::join!(self.store.ping(), self.storage_is_there());
        Readiness {
            database: database.is_ok(),
            storage,
            engines: !self.models.models().is_empty(),
        }
    }

    async fn storage_is_there(&self) -> bool {
        match timeout(STORAGE_PATIENCE, self.blobs.check()).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => tracing::warn!(%error, "the storage cannot be used"),
            Err(_) => tracing::warn!(
                limit_s = STORAGE_PATIENCE.as_secs(),
                "the storage does not answer"
            ),
        }
        false
    }
}
