//! The queue as the rules and the workers see it: lanes, claims, leases, wake-ups.

mod claim;
mod rooms;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::Place;
use runnel_types::{Fault, Job, JobId, OrgId, Run, RunSource, Timestamp};
use tokio::sync::Notify;

pub use claim::{Claim, Claimed, Claims, Cursor};
pub(crate) use claim::{Claiming, Lane};
pub use rooms::{Pool, Rooms};

use crate::runs::Lease;
use crate::{Services, faults};

/// The lanes in which files for runs are fetched begin so. No model's name and no
/// kind of a job does, so they stand side by side behind all others.
const FETCHES: &str = "~fetch inputs/";

impl Services {
    /// Wakes when jobs may have become due.
    pub fn job_signal(&self) -> Arc<Notify> {
        self.store.job_signal()
    }

    /// Adds the job that executes a run to the transaction that writes the run.
    /// It stands in the lane of its model; the runs of batches are a flow of
    /// their own, so that a run alone does not wait for a whole batch.
    ///
    /// One whose input names files by URL stands in a lane of its organization
    /// first, where they are fetched: a server that is slow to send them keeps
    /// neither a core nor one of the places of the model.
    pub(crate) async fn enqueue_run(&self, tx: &mut Tx, run: &Run) -> Result<(), Fault> {
        let job = Job::ExecuteRun {
            org_id: run.org_id,
            run_id: run.id,
        };
        let flow = flow(run.org_id, run.source);
        let fetches = self
            .names_urls(run)
            .then(|| format!("{FETCHES}{}", run.org_id));
        let place = Place {
            lane: fetches.as_deref().unwrap_or(&run.model),
            flow: &flow,
        };
        self.enqueue_at(tx, &job, place, self.now()).await
    }

    /// Adds the job of a delivery's first attempt, due at once. It stands in the lane
    /// of its receiver.
    pub(crate) async fn enqueue_delivery(
        &self,
        tx: &mut Tx,
        job: &Job,
        receiver: &str,
    ) -> Result<(), Fault> {
        let place = Place {
            lane: receiver,
            flow: "",
        };
        self.enqueue_at(tx, job, place, self.now()).await
    }

    /// Adds any other job to the caller's transaction, due at `run_at`. It stands
    /// in the lane of its kind, in the flow of its organization.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut Tx,
        job: &Job,
        run_at: Timestamp,
    ) -> Result<(), Fault> {
        let flow = job.org_id().map_or_else(String::new, |org| org.to_string());
        let place = Place {
            lane: job.kind(),
            flow: &flow,
        };
        self.enqueue_at(tx, job, place, run_at).await
    }

    async fn enqueue_at(
        &self,
        tx: &mut Tx,
        job: &Job,
        place: Place<'_>,
        run_at: Timestamp,
    ) -> Result<(), Fault> {
        let id = job.own_id().unwrap_or_else(|| self.ids.next());
        tx.jobs()
            .enqueue(id, job, place, run_at, self.now())
            .await
            .map_err(faults::store)
    }

    /// How long until the next job is due; `None` when none waits or the
    /// database does not say.
    pub async fn until_next_job(&self) -> Option<Duration> {
        let now = self.now();
        let due = self.store.read().jobs().next_due_at(now).await.ok()??;
        Some(Duration::from_micros(
            u64::try_from(due.as_micros() - now.as_micros()).unwrap_or(0),
        ))
    }

    /// Makes sure that the jobs that come again are there, each first due
    /// after `pause`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_recurring_jobs(&self, pause: Duration) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        for (job, id) in Job::RECURRING {
            let due = self.now().plus(pause);
            tx.jobs()
                .ensure(id, &job, due)
                .await
                .map_err(faults::store)?;
        }
        tx.commit().await.map_err(faults::store)
    }

    /// Renews a lease; `false` when another worker has the job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_lease(&self, lease: &Lease, by: Duration) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let held = tx
            .jobs()
            .extend_lease(lease.job_id, &lease.worker, self.now().plus(by))
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(held)
    }

    /// Removes a job that has nothing left to do.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_job(&self, lease: &Lease) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        tx.jobs()
            .complete(lease.job_id, &lease.worker)
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }

    /// Gives a job back that was stopped: it may be taken at once, and the
    /// attempt does not count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hand_back_job(&self, lease: &Lease) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        tx.jobs()
            .hand_back(lease.job_id, &lease.worker, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }

    /// Puts a job off that failed for a reason of ours, to be tried after `pause`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_job(&self, lease: &Lease, pause: Duration) -> Result<(), Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        tx.jobs()
            .retry_at(lease.job_id, &lease.worker, self.now().plus(pause))
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)
    }
}

/// The jobs of each claim.
pub(crate) fn by_worker<'a>(
    leases: impl IntoIterator<Item = &'a Lease>,
) -> HashMap<&'a str, Vec<JobId>> {
    let mut claims: HashMap<&str, Vec<JobId>> = HashMap::new();
    for lease in leases {
        claims.entry(&lease.worker).or_default().push(lease.job_id);
    }
    claims
}

/// The flow of a run within the lane of its model.
fn flow(org: OrgId, source: RunSource) -> String {
    match source {
        RunSource::Batch => format!("{org}/batches"),
        RunSource::Api | RunSource::Console | RunSource::Cli => org.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_a_flow_beside_the_runs_that_come_alone() {
        let org = OrgId::from_u128(1);
        let alone = flow(org, RunSource::Api);
        assert_eq!(alone, flow(org, RunSource::Cli));
        assert_ne!(alone, flow(org, RunSource::Batch));
        assert_ne!(alone, flow(OrgId::from_u128(2), RunSource::Api));
    }
}
