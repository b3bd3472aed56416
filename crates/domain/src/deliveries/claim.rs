//! Takes due deliveries, receiver by receiver, and with them what signs them.
//!
//! The lane of a delivery is its receiver, so a claim takes from each what there
//! is room for, and from one that is away nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use runnel_store::Tx;
use runnel_store::jobs::{Held, LANES_AT_MOST};
use runnel_types::{Delivery, DeliveryId, Fault, Job, JobId, OrgId, Queue, WebhookId};

use super::attempt::Over;
use super::circuits::Pass;
use super::sign::Signing;
use crate::jobs::{Claim, Claimed, Claiming, Lane, Pool, Rooms, due_lanes};
use crate::runs::Lease;
use crate::{Services, faults};

/// How long a delivery waits for a receiver that is away before it is given up: what
/// the schedule spans.
const PATIENCE: Duration = Duration::from_hours(24);

/// Deliveries that are given up in one claim.
const GIVEN_UP_AT_MOST: usize = 128;

/// A delivery in hand, to be attempted once.
#[derive(Debug, Clone)]
pub struct Due {
    /// By which it is held.
    pub lease: Lease,
    /// The lane that its job stood in.
    pub lane: String,
    pub(super) delivery: Delivery,
    pub(super) signing: Arc<Signing>,
    /// It has waited too long for a receiver that is away.
    pub(super) is_overdue: bool,
    /// Why nothing is sent to its webhook any more.
    pub(super) over: Option<Over>,
}

impl Due {
    /// Whom it goes to: deliveries of one receiver share its connections.
    pub fn receiver(&self) -> String {
        receiver(self.delivery.org_id, &self.delivery.callback_url)
    }
}

/// On whose behalf something is sent, and what proves it.
#[derive(Debug, Clone)]
enum Sender {
    /// The callbacks of an organization.
    Callbacks(Arc<Signing>),
    /// A webhook that is at this URL.
    Webhook(String, Arc<Signing>),
    /// A webhook to which nothing is sent any more.
    Over(Over),
}

/// What a claim of deliveries has brought.
#[derive(Debug, Default)]
pub struct DueClaims {
    /// The deliveries.
    pub due: Vec<Due>,
    /// Room was lacking for what may be there.
    pub is_limited: bool,
    /// More may be due than this claim looked at; the next goes on.
    pub is_cut: bool,
}

/// The lane of a delivery: its organization and the origin of its URL.
pub(super) fn receiver(org: OrgId, url: &str) -> String {
    let origin = runnel_egress::Url::parse(url).map(|url| url.origin().ascii_serialization());
    format!("{org}/{}", origin.as_deref().unwrap_or("invalid"))
}

impl Services {
    /// Takes due deliveries as far as `rooms` goes, and takes them off it. `from` is
    /// where the last claim stopped, for the next to go on.
    ///
    /// # Errors
    /// When the database fails. What was taken then is due again when its lease ends.
    pub async fn claim_deliveries(
        &self,
        rooms: &mut Rooms,
        claim: Claim<'_>,
        from: &mut String,
    ) -> Result<DueClaims, Fault> {
        let mut claiming = Claiming::new(Queue::Deliveries, claim, self.now(), rooms);
        let mut overdue = HashSet::new();
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let lanes = due_lanes(&mut tx, &claiming, from).await?;
        let is_cut = lanes.len() == LANES_AT_MOST;
        *from = lanes.last().filter(|_| is_cut).cloned().unwrap_or_default();
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
        *rooms = claiming.left;
        let due = self.with_signing(taken, &overdue).await?;
        Ok(DueClaims {
            due,
            is_limited: claiming.claims.is_limited,
            // Jobs with nothing to deliver may have stood before others.
            is_cut: is_cut || has_idle,
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

    /// What signs each delivery is read once for all callbacks of an organization,
    /// and once for each webhook, with where that is now.
    async fn with_signing(
        &self,
        taken: Vec<(Claimed, Delivery)>,
        overdue: &HashSet<JobId>,
    ) -> Result<Vec<Due>, Fault> {
        let mut known: HashMap<(OrgId, Option<WebhookId>), Sender> = HashMap::new();
        let mut due = Vec::with_capacity(taken.len());
        for (job, mut delivery) in taken {
            let webhook = delivery.subject.webhook().map(|event| event.webhook_id);
            let key = (delivery.org_id, webhook);
            let sender = if let Some(sender) = known.get(&key) {
                sender.clone()
            } else {
                let sender = self.sender(key).await?;
                known.insert(key, sender.clone());
                sender
            };
            let (mut signing, mut over) = (Arc::default(), None);
            match sender {
                Sender::Callbacks(secrets) => signing = secrets,
                Sender::Webhook(url, secret) => {
                    delivery.callback_url = url;
                    signing = secret;
                }
                Sender::Over(why) => over = Some(why),
            }
            due.push(Due {
                is_overdue: overdue.contains(&job.id),
                over,
                lease: Lease {
                    job_id: job.id,
                    worker: job.worker,
                    attempt: job.attempt,
                },
                lane: job.lane,
                delivery,
                signing,
            });
        }
        Ok(due)
    }

    async fn sender(&self, (org, webhook): (OrgId, Option<WebhookId>)) -> Result<Sender, Fault> {
        let Some(webhook) = webhook else {
            return Ok(Sender::Callbacks(Arc::new(self.signing(org).await?)));
        };
        Ok(match self.aim_at_webhook(org, webhook).await? {
            Ok(target) => Sender::Webhook(target.url, Arc::new(Signing::of_webhook(target.secret))),
            Err(over) => Sender::Over(over),
        })
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
