//! Plans what tells the end of a run or a batch, in the transaction that ends it.

use runnel_store::Tx;
use runnel_store::webhooks::Written;
use runnel_types::{
    Asset, Batch, Delivery, DeliveryStatus, DeliverySubject, Fault, Job, OrgId, Run,
};
use serde_json::Value;

use super::due::receiver;
use super::payload;
use super::schedule::MAX_ATTEMPTS;
use crate::{Services, faults};

/// What is to be told, of whom and where.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) org_id: OrgId,
    pub(crate) subject: DeliverySubject,
    pub(crate) callback_url: String,
    pub(crate) payload: String,
}

impl Services {
    /// Tells the end of a run to its callback, when it has one, and to the
    /// webhooks that hear of it. `made` are the assets that this same transaction
    /// inserts, which a read outside it cannot see.
    pub(crate) async fn tell_end_of_run(
        &self,
        tx: &mut Tx,
        ended: &Written<Run>,
        made: &[Asset],
    ) -> Result<(), Fault> {
        let run = &ended.row;
        let event = payload::event_of(run);
        let hearers = self
            .hearers(tx, run.org_id, event, ended.has_webhooks)
            .await?;
        if run.callback_url.is_none() && hearers.is_empty() {
            return Ok(());
        }
        let output = run
            .output
            .as_ref()
            .map(|output| self.signed(output, made, self.now()));
        let payload = payload::freeze(run, output).map_err(Fault::internal)?;
        self.plan_event(tx, run.org_id, event, &hearers, &payload)
            .await?;
        let Some(callback_url) = run.callback_url.clone() else {
            return Ok(());
        };
        let news = News {
            org_id: run.org_id,
            subject: DeliverySubject::Run(run.id),
            callback_url,
            payload,
        };
        self.plan_delivery(tx, news, true).await.map(drop)
    }

    /// The same for a batch, with its output as it is to be told.
    pub(crate) async fn tell_end_of_batch(
        &self,
        tx: &mut Tx,
        ended: &Written<Batch>,
        output: Value,
    ) -> Result<(), Fault> {
        let batch = &ended.row;
        let event = payload::event_of_batch(batch);
        let hearers = self
            .hearers(tx, batch.org_id, event, ended.has_webhooks)
            .await?;
        let payload = payload::freeze_batch(batch, output).map_err(Fault::internal)?;
        self.plan_event(tx, batch.org_id, event, &hearers, &payload)
            .await?;
        let Some(callback_url) = batch.callback_url.clone() else {
            return Ok(());
        };
        let news = News {
            org_id: batch.org_id,
            subject: DeliverySubject::Batch(batch.id),
            callback_url,
            payload,
        };
        self.plan_delivery(tx, news, true).await.map(drop)
    }

    /// Writes a delivery and the job of its first attempt.
    pub(crate) async fn plan_delivery(
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
