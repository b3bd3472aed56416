//! Reads the deliveries of a run or a batch, with every attempt.

use runnel_types::{Attempt, BatchId, Delivery, DeliverySubject, Fault, OrgId, RunId, Scope};

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
        self.read_run(caller.org_id, run).await?;
        self.deliveries_of(caller.org_id, DeliverySubject::Run(run))
            .await
    }

    /// The same of a batch's callback.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`.
    pub async fn list_batch_deliveries(
        &self,
        caller: &Caller,
        batch: BatchId,
    ) -> Result<Vec<(Delivery, Vec<Attempt>)>, Fault> {
        caller.require(Scope::RunsRead)?;
        self.read_batch(caller.org_id, batch).await?;
        self.deliveries_of(caller.org_id, DeliverySubject::Batch(batch))
            .await
    }

    async fn deliveries_of(
        &self,
        org: OrgId,
        subject: DeliverySubject,
    ) -> Result<Vec<(Delivery, Vec<Attempt>)>, Fault> {
        self.store
            .read()
            .deliveries()
            .list_for(org, subject)
            .await
            .map_err(faults::store)
    }
}
