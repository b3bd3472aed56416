//! Plans a callback in the transaction that ends its run or its batch.

use runnel_store::Tx;
use runnel_types::{
    Asset, Batch, Delivery, DeliveryStatus, DeliverySubject, Fault, Job, OrgId, Run,
};
use serde_json::Value;

use super::claim::receiver;
use super::payload;
use super::schedule::MAX_ATTEMPTS;
use crate::{Services, faults};

/// What is to be told, of whom and where.
#[derive(Debug)]
pub(super) struct News {
    pub(super) org_id: OrgId,
    pub(super) subject: DeliverySubject,
    pub(super) callback_url: String,
    pub(super) payload: String,
}

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
        let output = run
            .output
            .as_ref()
            .map(|output| self.signed(output, made, self.now()));
        let news = News {
            org_id: run.org_id,
            subject: DeliverySubject::Run(run.id),
            callback_url,
            payload: payload::freeze(run, output).map_err(Fault::internal)?,
        };
        self.plan_delivery(tx, news, true).await.map(drop)
    }

    /// The same for a batch, with its output as it is to be told.
    pub(crate) async fn plan_batch_callback(
        &self,
        tx: &mut Tx,
        batch: &Batch,
        output: Value,
    ) -> Result<(), Fault> {
        let Some(callback_url) = batch.callback_url.clone() else {
            return Ok(());
        };
        let news = News {
            org_id: batch.org_id,
            subject: DeliverySubject::Batch(batch.id),
            callback_url,
            payload: payload::freeze_batch(batch, output).map_err(Fault::internal)?,
        };
        self.plan_delivery(tx, news, true).await.map(drop)
    }

    /// Writes a delivery and the job of its first attempt.
    pub(super) async fn plan_delivery(
        &self,
        tx: &mut Tx,
        news: News,
        is_automatic: bool,
    ) -> Result<Delivery, Fault> {
        let now = self.now();
        let delivery = Delivery {
            id: self.ids.next(),
            org_id: news.org_id,
            subject: news.subject,
            callback_url: news.callback_url,
            payload: news.payload,
            signing_secret_id: None,
            is_automatic,
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
            org_id: delivery.org_id,
            delivery_id: delivery.id,
        };
        self.enqueue_delivery(tx, &job, &receiver(delivery.org_id, &delivery.callback_url))
            .await?;
        Ok(delivery)
    }
}
