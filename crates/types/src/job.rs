//! Background work: every kind of it, with its payload.
//!
//! A job is stored as its kind's name and its payload as JSON. The names never
//! change; a kind that is no longer made stays in [`RETIRED`] so that rows of
//! an older version are consumed with a warning instead of failing for ever.

use serde::{Deserialize, Serialize};

use crate::id::{AssetId, DeletionId, DeliveryId, JobId, OrgId, RunId, WebhookId};

/// A piece of background work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Executes a run's model and records how it ended.
    ExecuteRun {
        /// The run's organization.
        org_id: OrgId,
        /// The run.
        run_id: RunId,
    },
    /// Tries once to deliver a callback.
    AttemptDelivery {
        /// The delivery's organization.
        org_id: OrgId,
        /// The delivery.
        delivery_id: DeliveryId,
    },
    /// Draws the thumbnail that a confirmation did not wait for.
    DeriveThumbnail {
        /// The asset's organization.
        org_id: OrgId,
        /// The asset.
        asset_id: AssetId,
    },
    /// Tells webhooks of the assets that one deletion took, some at a time.
    TellDeletion {
        /// The assets' organization.
        org_id: OrgId,
        /// The deletion.
        deletion_id: DeletionId,
        /// The last asset that was told of.
        after: Option<AssetId>,
    },
    /// Ends what waits for a webhook that hears of nothing any more.
    EndDeliveries {
        /// The webhook's organization.
        org_id: OrgId,
        /// The webhook.
        webhook_id: WebhookId,
    },
    /// Removes from the storage what no row names any more.
    RemoveObjects(Leftovers),
    /// Removes uploads that nobody confirmed. There is one for the whole
    /// installation, which comes again.
    SweepUploads {},
    /// Removes the rows of assets that were deleted a while ago, and adds the removal
    /// of their bytes. One, as above.
    PurgeAssets {},
    /// Forgets the answers that were kept for callers who ask again. One, as above.
    ForgetAnswers {},
}

/// What lies in the storage and has no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// Whose it was.
    pub org_id: OrgId,
    /// An asset or an upload that is no more: all that lies under its id goes.
    pub asset_id: Option<AssetId>,
    /// The key of an object.
    pub key: Option<String>,
    /// The pieces of a resumable upload, as its row named them.
    pub progress: Option<String>,
}

impl Leftovers {
    /// Nothing yet, of an organization.
    pub const fn of(org_id: OrgId) -> Self {
        Self {
            org_id,
            asset_id: None,
            key: None,
            progress: None,
        }
    }

    /// An object.
    pub fn object(org_id: OrgId, key: String) -> Self {
        Self {
            key: Some(key),
            ..Self::of(org_id)
        }
    }
}

/// Who takes jobs: what waits for one never stands in the way of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Workers, one job at a time; a lane is a model, or a kind of job.
    Work,
    /// The deliverer, many at a time; a lane is a receiver.
    Deliveries,
}

/// Names of kinds that earlier versions made and this one only consumes.
pub const RETIRED: &[&str] = &[];

impl Job {
    /// The stored name of [`Job::AttemptDelivery`].
    pub const ATTEMPT_DELIVERY: &str = "attempt_delivery";

    /// Who takes it.
    pub const fn queue(&self) -> Queue {
        match self {
            Self::AttemptDelivery { .. } => Queue::Deliveries,
            _ => Queue::Work,
        }
    }

    /// The jobs that come again for ever, each with the id that there is one of.
    pub const RECURRING: [(Self, JobId); 3] = [
        (Self::SweepUploads {}, recurring_id(1)),
        (Self::PurgeAssets {}, recurring_id(2)),
        (Self::ForgetAnswers {}, recurring_id(3)),
    ];

    /// The id of its row where another thing decides on it: there is one job for
    /// a run, and whoever cancels the run finds the job by the run's id.
    pub const fn own_id(&self) -> Option<JobId> {
        match self {
            Self::ExecuteRun { run_id, .. } => Some(JobId::from_u128(run_id.as_uuid().as_u128())),
            _ => None,
        }
    }

    /// On whose behalf it is done; nobody's when it is for the installation.
    pub const fn org_id(&self) -> Option<OrgId> {
        match self {
            Self::ExecuteRun { org_id, .. }
            | Self::AttemptDelivery { org_id, .. }
            | Self::DeriveThumbnail { org_id, .. }
            | Self::TellDeletion { org_id, .. }
            | Self::EndDeliveries { org_id, .. }
            | Self::RemoveObjects(Leftovers { org_id, .. }) => Some(*org_id),
            Self::SweepUploads {} | Self::PurgeAssets {} | Self::ForgetAnswers {} => None,
        }
    }

    /// Whether it comes again for ever.
    pub fn is_recurring(&self) -> bool {
        Self::RECURRING.iter().any(|(job, _)| job == self)
    }

    /// The stored name of the kind; it never changes.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ExecuteRun { .. } => "execute_run",
            Self::AttemptDelivery { .. } => Self::ATTEMPT_DELIVERY,
            Self::DeriveThumbnail { .. } => "derive_thumbnail",
            Self::TellDeletion { .. } => "tell_deletion",
            Self::EndDeliveries { .. } => "end_deliveries",
            Self::RemoveObjects(_) => "remove_objects",
            Self::SweepUploads {} => "sweep_uploads",
            Self::PurgeAssets {} => "purge_assets",
            Self::ForgetAnswers {} => "forget_answers",
        }
    }
}

/// Ids that no source makes: those are of version 7.
const fn recurring_id(number: u128) -> JobId {
    JobId::from_u128(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_stable() {
        let id = "018f4e1a-0000-7000-8000-000000000001";
        let job = Job::ExecuteRun {
            org_id: id.parse().unwrap(),
            run_id: id.parse().unwrap(),
        };
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["kind"], job.kind());
        assert_eq!(json["payload"]["run_id"], id);
        assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        let job = Job::DeriveThumbnail {
            org_id: id.parse().unwrap(),
            asset_id: id.parse().unwrap(),
        };
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["kind"], job.kind());
        assert_eq!(json["payload"]["asset_id"], id);
        let job = Job::TellDeletion {
            org_id: id.parse().unwrap(),
            deletion_id: id.parse().unwrap(),
            after: None,
        };
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["kind"], job.kind());
        assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        let job = Job::EndDeliveries {
            org_id: id.parse().unwrap(),
            webhook_id: id.parse().unwrap(),
        };
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["kind"], job.kind());
        assert_eq!(json["payload"]["webhook_id"], id);
        let job = Job::RemoveObjects(Leftovers {
            asset_id: Some(id.parse().unwrap()),
            ..Leftovers::of(id.parse().unwrap())
        });
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["kind"], job.kind());
        assert_eq!(json["payload"]["asset_id"], id);
        assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        for (job, _) in Job::RECURRING {
            let json = serde_json::to_value(&job).unwrap();
            assert_eq!(json["kind"], job.kind());
            assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        }
    }
}
