//! Plans a callback in the transaction that ends its run.

use runnel_store::Tx;
use runnel_types::{Asset, Delivery, DeliveryStatus, Fault, Job, Run};

use super::payload;
use super::schedule::MAX_ATTEMPTS;
use crate::{Services, faults};

impl Services {
    /// Writes the delivery of a run's callback and the job of its first
    /// attempt, when the run has a callback URL. `made` are the assets that
    /// this same transaction inserts, which a read outside it cannot see.
    pub(crate) async fn plan_callback(
        &self,
        tx: &mut Tx,
        run: &Run,
        made: &[Asset],
    ) -> Result<(), Fault> {
        let Some(callback_url) = run.callback_url.clone() else {
            return Ok(());
        };
        let now = self.now();
        let output = run
            .output
            .as_ref()
            .map(|output| self.signed(output, made, now));
        let delivery = Delivery {
            id: self.ids.next(),
            org_id: run.org_id,
            run_id: run.id,
            callback_url,
            payload: payload::freeze(run, output).map_err(Fault::internal)?,
            is_automatic: true,
            status: DeliveryStatus::Pending,
            failure_reason_code: None,
            failure_detail: None,
            attempt_count: 0,
            max_attempts: MAX_ATTEMPTS,
            next_attempt_at: Some(now),
            created_at: now,
            updated_at: now,
            completed_at: None,
        };
        tx.deliveries()
            .insert(&delivery)
            .await
            .map_err(faults::store)?;
        let job = Job::AttemptDelivery {
            org_id: run.org_id,
            delivery_id: delivery.id,
        };
        self.enqueue(tx, &job, now).await
    }
}
