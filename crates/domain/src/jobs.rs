//! The queue as workers see it: claims, leases, wake-ups.

use std::sync::Arc;
use std::time::Duration;

use runnel_types::{Fault, Job, JobId};
use tokio::sync::Notify;

use crate::runs::Lease;
use crate::{Services, faults};

/// A job that this worker holds until its lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The job's row.
    pub id: JobId,
    /// What is to be done.
    pub job: Job,
    /// How often it was taken, this time included.
    pub attempt: u32,
}

impl Services {
    /// Wakes when jobs may have become due.
    pub fn job_signal(&self) -> Arc<Notify> {
        self.store.job_signal()
    }

    /// Takes at most `limit` due jobs for `worker`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_jobs(
        &self,
        limit: usize,
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<Claimed>, Fault> {
        let now = self.now();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let claimed = tx
            .jobs()
            .claim(limit, worker, now, now.plus(lease))
            .await
            .map_err(faults::store)?;
        let mut known = Vec::with_capacity(claimed.len());
        for row in claimed {
            match row.job {
                Ok(job) => known.push(Claimed {
                    id: row.id,
                    job,
                    attempt: row.attempt,
                }),
                Err(error) => {
                    tracing::error!(job.id = %row.id, %error, "dropped a job that this version does not know");
                    tx.jobs()
                        .complete(row.id, worker)
                        .await
                        .map_err(faults::store)?;
                }
            }
        }
        tx.commit().await.map_err(faults::store)?;
        Ok(known)
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
