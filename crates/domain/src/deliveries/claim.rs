//! Takes due deliveries, receiver by receiver.
//!
//! The lane of a delivery is its receiver, so a claim takes from each what there
//! is room for, and from one that is away nothing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::Held;
use runnel_types::{Delivery, DeliveryId, Fault, Job, JobId, OrgId, Queue};

use super::circuits::Pass;
use super::due::Due;
use crate::jobs::{Claim, Claimed, Claiming, Cursor, Lane, Pool, Rooms};
use crate::runs::Lease;
use crate::{Services, faults};

/// How long a delivery waits for a receiver that is away before it is given up: what
/// the schedule spans.
const PATIENCE: Duration = Duration::from_hours(24);

/// Deliveries that are given up in one claim.
const GIVEN_UP_AT_MOST: usize = 128;

/// What a claim of deliveries has brought.
#[derive(Debug, Default)]
pub struct DueClaims {
    /// The deliveries.
    pub due: Vec<Due>,
    /// Room was lacking for what may be there.
    pub is_limited: bool,
    /// More may be due than this claim looked at; the next goes on.
    pub is_cut: bool,
    /// There were jobs with nothing to deliver, which are gone.
    pub has_idle: bool,
}

impl Services {
    /// Takes due deliveries as far as `rooms` goes, and takes them off it. `in_hand` is
    /// asked for the leases that the worker has.
    ///
    /// # Errors
    /// When the database fails. What was taken then is due again when its lease ends.
    pub async fn claim_deliveries(
        &self,
        rooms: &mut Rooms,
        claim: Claim<'_>,
        cursor: &mut Cursor,
        in_hand: impl Fn() -> Vec<Lease> + Send,
    ) -> Result<DueClaims, Fault> {
        let mut overdue = HashSet::new();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the time after the transaction, for which it may have waited.
        let mut claiming = Claiming::new(Queue::Deliveries, claim, self.now(), (rooms, cursor));
        claiming.wake(&mut tx, in_hand).await?;
        let (lanes, is_cut) = claiming.all_lanes(&mut tx).await?;
        for name in lanes {
            let pass = self.circuits.pass(&name, claiming.now);
            let in_hand = claiming.left.in_hand(&name);
            let lane = Lane {
                name,
                pool: Pool::Callbacks,
                limit: None,
            };
            match pass {
                Pass::All => claiming.take(&mut tx, &lane, usize::MAX).await?,
                Pass::One if in_hand == 0 => claiming.take(&mut tx, &lane, 1).await?,
                Pass::Nothing {
                    may_be_overdue: true,
                } => {
                    let before = claiming.claims.jobs.len();
                    let has_looked = claiming
                        .take_since(&mut tx, &lane, GIVEN_UP_AT_MOST, Some(PATIENCE))
                        .await?;
                    let found = &claiming.claims.jobs[before..];
                    if has_looked && found.is_empty() {
                        self.circuits.none_overdue(&lane.name);
                    }
                    overdue.extend(found.iter().map(|job| job.id));
                }
                Pass::One | Pass::Nothing { .. } => {}
            }
        }
        let (taken, has_idle) = self.take_up(&mut tx, &mut claiming).await?;
        tx.commit().await.map_err(faults::store)?;
        (*rooms, *cursor) = (claiming.left, claiming.cursor);
        Ok(DueClaims {
            due: self.set_course(taken, &overdue).await,
            is_limited: claiming.claims.is_limited,
            // Jobs with nothing to deliver may have stood before others.
            is_cut: is_cut || has_idle,
            has_idle,
        })
    }

    /// Marks what was claimed as being delivered. Jobs with nothing to deliver go;
    /// says whether there were any.
    async fn take_up(
        &self,
        tx: &mut Tx,
        claiming: &mut Claiming<'_>,
    ) -> Result<(Vec<(Claimed, Delivery)>, bool), Fault> {
        let jobs = std::mem::take(&mut claiming.claims.jobs);
        let mut by_delivery: HashMap<(OrgId, DeliveryId), Claimed> = HashMap::new();
        let mut idle: Vec<Claimed> = Vec::new();
        for job in jobs {
            match job.job {
                Job::AttemptDelivery {
                    org_id,
                    delivery_id,
                } => idle.extend(by_delivery.insert((org_id, delivery_id), job)),
                _ => idle.push(job),
            }
        }
        let ids: Vec<DeliveryId> = by_delivery.keys().map(|(_, id)| *id).collect();
        let deliveries = tx.deliveries().take_up(&ids, claiming.now).await;
        let mut taken = Vec::with_capacity(ids.len());
        for delivery in deliveries.map_err(faults::store)? {
            if let Some(job) = by_delivery.remove(&(delivery.org_id, delivery.id)) {
                taken.push((job, delivery));
            }
        }
        idle.extend(by_delivery.into_values());
        for job in &idle {
            claiming.left.give_back(job.pool, &job.lane);
        }
        let ids: Vec<JobId> = idle.iter().map(|job| job.id).collect();
        let held = Held {
            worker: claiming.claim.worker,
            ids: &ids,
        };
        tx.jobs().complete_all(held).await.map_err(faults::store)?;
        // RETURNING has no order of its own; ids are in that of time.
        taken.sort_by_key(|(_, delivery)| delivery.id);
        Ok((taken, !idle.is_empty()))
    }

    /// How long until a receiver that is away may be tried again.
    pub fn until_next_trial(&self) -> Option<Duration> {
        let now = self.now();
        let next = self.circuits.next_change(now)?;
        Some(Duration::from_micros(
            u64::try_from(next.as_micros() - now.as_micros()).unwrap_or(0),
        ))
    }
}
