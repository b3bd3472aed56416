//! Whether each part that the server needs is there.

use crate::Services;

/// What was found; `true` is there.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    /// The database answers.
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
    /// Looks at each part.
    pub async fn readiness(&self) -> Readiness {
        let (database, storage) = tokio::join!(self.store.ping(), self.blobs.check());
        if let Err(error) = &database {
            tracing::warn!(%error, "the database does not answer");
        }
        if let Err(error) = &storage {
            tracing::warn!(%error, "the storage cannot be used");
        }
        Readiness {
            database: database.is_ok(),
            storage: storage.is_ok(),
            engines: !self.models.models().is_empty(),
        }
    }
}
