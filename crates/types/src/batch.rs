//! Batches: up to a hundred runs of one model that were asked for at once.
//!
//! An item of a batch is a run: it has its place in the batch beside it, and no
//! row of its own. The batch counts how its items ended, and ends with the last.

use serde_json::Value;

use crate::id::{ApiKeyId, BatchId, ModelId, OrgId, RequestId};
use crate::list::{Field, FieldKind, Listed};
use crate::run::{FailureCode, RunFailure, RunSource, RunStatus};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// Where a batch stands. The last four are terminal and never change.
    BatchStatus {
        /// None of its items has been begun.
        Queued = "queued",
        /// An item has been begun, and not all have ended.
        Running = "running",
        /// Every item succeeded.
        Succeeded = "succeeded",
        /// No item succeeded, and at least one failed.
        Failed = "failed",
        /// Every item was cancelled.
        Canceled = "canceled",
        /// Some items succeeded and others did not.
        PartialSucceeded = "partial_succeeded",
    }
}

impl BatchStatus {
    /// Whether the batch has ended.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// How many items of a batch ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemCounts {
    /// Ended with an output.
    pub succeeded: u32,
    /// Ended with a reason.
    pub failed: u32,
    /// Ended because somebody asked for it.
    pub canceled: u32,
}

impl ItemCounts {
    /// One item that ended as `status`; nothing when that is no end.
    pub const fn one(status: RunStatus) -> Self {
        let mut counts = Self {
            succeeded: 0,
            failed: 0,
            canceled: 0,
        };
        match status {
            RunStatus::Queued | RunStatus::Running => {}
            RunStatus::Succeeded => counts.succeeded = 1,
            RunStatus::Failed => counts.failed = 1,
            RunStatus::Canceled => counts.canceled = 1,
        }
        counts
    }

    /// How many have ended.
    pub const fn ended(self) -> u32 {
        self.succeeded + self.failed + self.canceled
    }

    /// What a batch of `total` items ends as; `None` while an item has not ended.
    pub const fn outcome(self, total: u32) -> Option<BatchStatus> {
        if self.ended() < total {
            return None;
        }
        Some(match self {
            _ if self.succeeded >= total => BatchStatus::Succeeded,
            _ if self.succeeded > 0 => BatchStatus::PartialSucceeded,
            _ if self.failed > 0 => BatchStatus::Failed,
            _ => BatchStatus::Canceled,
        })
    }
}

/// Runs of one model that were asked for at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The batch.
    pub id: BatchId,
    /// The organization.
    pub org_id: OrgId,
    /// The model's id.
    pub model_id: ModelId,
    /// The model's `owner/slug`.
    pub model: String,
    /// Where it stands.
    pub status: BatchStatus,
    /// Who made it.
    pub source: RunSource,
    /// How many items it has.
    pub items_total: u32,
    /// How those that have ended did.
    pub counts: ItemCounts,
    /// Why it failed: of the first item that did, when none succeeded.
    pub failure: Option<RunFailure>,
    /// The request that made it.
    pub request_id: Option<RequestId>,
    /// The key that made it.
    pub created_by: Option<ApiKeyId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When the first of its items was begun.
    pub started_at: Option<Timestamp>,
    /// When the last of its items ended.
    pub completed_at: Option<Timestamp>,
    /// Where its end is told.
    pub callback_url: Option<String>,
    /// Whatever the caller keeps with it.
    pub metadata: Option<Value>,
}

impl Batch {
    /// Milliseconds from the start of its first item to the end of its last.
    pub fn duration_ms(&self) -> Option<i64> {
        Some(self.completed_at?.millis_since(self.started_at?))
    }
}

impl Listed for Batch {
    const LIST: &'static str = "batches";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("model", FieldKind::Text),
        Field::new("target_id", FieldKind::Id)
            .unsortable()
            .stored_as("model_id"),
        Field::new("status_code", FieldKind::Word(BatchStatus::WORDS)).stored_as("status"),
        Field::new("source_code", FieldKind::Word(RunSource::WORDS))
            .unsortable()
            .stored_as("source"),
        Field::new("items_total", FieldKind::Integer),
        Field::new("items_succeeded", FieldKind::Integer),
        Field::new("items_failed", FieldKind::Integer),
        Field::new("items_cancelled", FieldKind::Integer),
        Field::new("failure_code", FieldKind::Word(FailureCode::WORDS))
            .nullable()
            .unsortable(),
        Field::new("request_id", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("created_by", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("started_at", FieldKind::Time).nullable(),
        Field::new("completed_at", FieldKind::Time).nullable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &["status_code"];
}

/// Whose place in which batch a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlace {
    /// The batch.
    pub id: BatchId,
    /// Its place among the items, from 0.
    pub index: u32,
}

/// The items of a batch, as a list of them knows them: runs, under the names
/// that items have.
#[derive(Debug)]
pub struct BatchItem;

impl Listed for BatchItem {
    const LIST: &'static str = "batch items";
    const FIELDS: &'static [Field] = &[
        Field::new("sequence_index", FieldKind::Integer).stored_as("batch_index"),
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("run_id", FieldKind::Id)
            .unsortable()
            .stored_as("id"),
        Field::new("status_code", FieldKind::Word(RunStatus::WORDS)).stored_as("status"),
        Field::new("failure_code", FieldKind::Word(FailureCode::WORDS))
            .nullable()
            .unsortable(),
        Field::new("client_ref", FieldKind::Text)
            .nullable()
            .unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("started_at", FieldKind::Time).nullable(),
        Field::new("completed_at", FieldKind::Time).nullable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &["status_code"];
    const DEFAULT_SORT: &'static str = "sequence_index";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_its_last_item_and_as_all_of_them_did() {
        use BatchStatus::{Canceled, Failed, PartialSucceeded, Succeeded};
        for ([succeeded, failed, canceled], expected) in [
            ([0, 0, 0], None),
            ([2, 0, 0], None),
            ([1, 1, 0], None),
            ([3, 0, 0], Some(Succeeded)),
            ([2, 1, 0], Some(PartialSucceeded)),
            ([1, 0, 2], Some(PartialSucceeded)),
            ([0, 3, 0], Some(Failed)),
            ([0, 1, 2], Some(Failed)),
            ([0, 0, 3], Some(Canceled)),
        ] {
            let counts = ItemCounts {
                succeeded,
                failed,
                canceled,
            };
            assert_eq!(counts.outcome(3), expected, "{counts:?}");
        }
    }

    #[test]
    fn only_an_end_counts() {
        for status in RunStatus::ALL {
            let ended = u32::from(status.is_terminal());
            assert_eq!(ItemCounts::one(*status).ended(), ended, "{status}");
        }
    }
}
