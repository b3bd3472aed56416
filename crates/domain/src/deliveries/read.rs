//! Reads the deliveries of a run, with every attempt.

use runnel_types::{Attempt, Delivery, Fault, RunId, Scope};

use crate::runs::not_found;
use crate::{Caller, Services, faults};

impl Services {
    /// The deliveries of a run's callback, oldest first, with their attempts.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        run: RunId,
    ) -> Result<Vec<(Delivery, Vec<Attempt>)>, Fault> {
        caller.require(Scope::RunsRead)?;
        let read = self.store.read();
        let known = read
            .runs()
            .get(caller.org_id, run)
            .await
            .map_err(faults::store)?;
        known.ok_or_else(|| not_found(run))?;
        read.deliveries()
            .list_for_run(caller.org_id, run)
            .await
            .map_err(faults::store)
    }
}
