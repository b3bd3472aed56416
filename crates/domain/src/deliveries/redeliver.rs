//! Sends a callback again, because somebody asks: a new delivery, of the run or
//! the batch as it is now.

use runnel_types::{BatchId, Delivery, DeliverySubject, Fault, FieldFault, RunId, Scope};

use super::payload;
use super::plan::News;
use crate::{Caller, Services, faults};

impl Services {
    /// Makes a new delivery of a run's callback.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, or `VALIDATION_ERROR` when there is nothing to tell,
    /// nobody to tell it to, or somebody is being told already.
    pub async fn redeliver_run(&self, caller: &Caller, id: RunId) -> Result<Delivery, Fault> {
        caller.require(Scope::RunsExecute)?;
        let run = self.read_run(caller.org_id, id).await?;
        let callback_url = may_tell(
            &format!("the run {id}"),
            run.status.as_str(),
            run.status.is_terminal(),
            run.callback_url.as_ref(),
        )?;
        let view = self.show_run(run).await?;
        let news = News {
            org_id: caller.org_id,
            subject: DeliverySubject::Run(id),
            callback_url,
            payload: payload::freeze(&view.run, view.output).map_err(Fault::internal)?,
        };
        self.tell_again(caller, news).await
    }

    /// Makes a new delivery of a batch's callback.
    ///
    /// # Errors
    /// `BATCH_NOT_FOUND`, or as for a run.
    pub async fn redeliver_batch(&self, caller: &Caller, id: BatchId) -> Result<Delivery, Fault> {
        caller.require(Scope::RunsExecute)?;
        let batch = self.read_batch(caller.org_id, id).await?;
        let callback_url = may_tell(
            &format!("the batch {id}"),
            batch.status.as_str(),
            batch.status.is_terminal(),
            batch.callback_url.as_ref(),
        )?;
        let view = self.show_batch(batch).await?;
        let output = view.output().unwrap_or_default();
        let news = News {
            org_id: caller.org_id,
            subject: DeliverySubject::Batch(id),
            callback_url,
            payload: payload::freeze_batch(&view.batch, output).map_err(Fault::internal)?,
        };
        self.tell_again(caller, news).await
    }

    async fn tell_again(&self, caller: &Caller, news: News) -> Result<Delivery, Fault> {
        let mut tx = self.begin_once(caller).await?;
        // ORDER: the lock before the look, so that of two who ask at once the
        // second sees the delivery of the first.
        match news.subject {
            DeliverySubject::Run(id) => tx.runs().lock(news.org_id, id).await,
            DeliverySubject::Batch(id) => tx.batches().lock(news.org_id, id).await,
            // A webhook's event has a rule of its own, as it has no record to be
            // told anew.
            DeliverySubject::Webhook(_) => Ok(false),
        }
        .map_err(faults::store)?;
        let is_under_way = tx
            .deliveries()
            .is_under_way(news.org_id, news.subject)
            .await
            .map_err(faults::store)?;
        if is_under_way {
            return Err(refused(
                "delivery_under_way",
                "a delivery of this callback is still on its way; wait for its end, or look at its attempts",
            ));
        }
        let delivery = self.plan_delivery(&mut tx, news, false).await?;
        tx.commit().await.map_err(faults::store)?;
        Ok(delivery)
    }
}

/// Where the end of `what` may be told again.
fn may_tell(
    what: &str,
    status: &str,
    is_terminal: bool,
    callback_url: Option<&String>,
) -> Result<String, Fault> {
    if !is_terminal {
        let message = format!("{what} is {status}; there is nothing to tell before its end");
        return Err(refused("not_terminal", &message));
    }
    callback_url.cloned().ok_or_else(|| {
        let message = format!("{what} was made without a callback_url");
        refused("no_callback_url", &message)
    })
}

/// SPEC: runs.md, "Callbacks": what the state does not allow is 422 here.
fn refused(rule: &'static str, message: &str) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["path".to_owned(), "id".to_owned()],
        rule,
        message: message.to_owned(),
    }])
}
