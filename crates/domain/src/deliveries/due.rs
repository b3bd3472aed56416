//! A delivery in hand: whom it goes to, and what is to become of it.
//!
//! What signs it is read once for all callbacks of an organization, and once for
//! each webhook, with where that is now. When that cannot be read, it is the
//! trouble of these deliveries alone: they wait for a moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use runnel_types::{Delivery, Fault, JobId, OrgId, WebhookId};

use super::sign::Signing;
use crate::Services;
use crate::jobs::Claimed;
use crate::runs::Lease;

/// A delivery in hand, to be attempted once.
#[derive(Debug, Clone)]
pub struct Due {
    /// By which it is held.
    pub lease: Lease,
    /// The lane that its job stood in.
    pub lane: String,
    pub(super) delivery: Delivery,
    pub(super) course: Course,
}

impl Due {
    /// Whom it goes to: deliveries of one receiver share its connections.
    pub fn receiver(&self) -> String {
        receiver(self.delivery.org_id, &self.delivery.callback_url)
    }

    /// What signs it, when it is sent.
    pub(super) fn signing(&self) -> Option<&Signing> {
        match &self.course {
            Course::Send(signing) => Some(signing),
            Course::GiveUp | Course::Over(_) | Course::Wait => None,
        }
    }
}

/// What is to become of a delivery in hand.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// It is sent, signed with this.
    Send(Arc<Signing>),
    /// It has waited too long for a receiver that is away.
    GiveUp,
    /// Nothing is sent to its webhook any more.
    Over(Over),
    /// What signs it could not be read.
    Wait,
}

/// Why a delivery ends without an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// A stable word.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) detail: String,
}

/// On whose behalf something is sent: an organization's callbacks, or a webhook.
type Sender = (OrgId, Option<WebhookId>);

/// What becomes of the deliveries of a sender, and where a webhook is now.
type Way = (Course, Option<String>);

/// The lane of a delivery: its organization and the origin of its URL.
pub(super) fn receiver(org: OrgId, url: &str) -> String {
    let origin = runnel_egress::Url::parse(url).map(|url| url.origin().ascii_serialization());
    format!("{org}/{}", origin.as_deref().unwrap_or("invalid"))
}

impl Services {
    /// Finds what is to become of each of `taken`; `overdue` are the jobs of those
    /// that are given up.
    pub(super) async fn set_course(
        &self,
        taken: Vec<(Claimed, Delivery)>,
        overdue: &HashSet<JobId>,
    ) -> Vec<Due> {
        let mut known: HashMap<Sender, Way> = HashMap::new();
        let mut due = Vec::with_capacity(taken.len());
        for (job, mut delivery) in taken {
            let webhook = delivery.subject.webhook().map(|event| event.webhook_id);
            let sender = (delivery.org_id, webhook);
            let (mut course, url) = if let Some(way) = known.get(&sender) {
                way.clone()
            } else {
                let way = self.way(sender).await;
                known.insert(sender, way.clone());
                way
            };
            if let Some(url) = url {
                delivery.callback_url = url;
            }
            // A webhook may have moved to a receiver that is there.
            let is_shut = || {
                let receiver = receiver(delivery.org_id, &delivery.callback_url);
                self.circuits.open_until(&receiver, self.now()).is_some()
            };
            if overdue.contains(&job.id) && matches!(course, Course::Send(_)) && is_shut() {
                course = Course::GiveUp;
            }
            due.push(Due {
                lease: Lease {
                    job_id: job.id,
                    worker: job.worker,
                    attempt: job.attempt,
                },
                lane: job.lane,
                delivery,
                course,
            });
        }
        due
    }

    async fn way(&self, sender: Sender) -> Way {
        match self.look_up_way(sender).await {
            Ok(way) => way,
            Err(fault) => {
                let (org, webhook) = sender;
                tracing::error!(
                    org.id = %org,
                    webhook.id = webhook.map(tracing::field::display),
                    %fault,
                    "what signs these deliveries cannot be read; they wait"
                );
                (Course::Wait, None)
            }
        }
    }

    async fn look_up_way(&self, (org, webhook): Sender) -> Result<Way, Fault> {
        let Some(webhook) = webhook else {
            let signing = self.signing(org).await?;
            return Ok((Course::Send(Arc::new(signing)), None));
        };
        Ok(match self.aim_at_webhook(org, webhook).await? {
            Ok(target) => {
                let signing = Signing::of_webhook(target.secret);
                (Course::Send(Arc::new(signing)), Some(target.url))
            }
            Err(over) => (Course::Over(over), None),
        })
    }
}
