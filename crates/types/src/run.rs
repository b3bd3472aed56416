//! Runs: one execution of a model, from accepted to a terminal status.

use serde_json::Value;

use crate::batch::BatchPlace;
use crate::id::{ApiKeyId, LogId, ModelId, OrgId, RequestId, RunId};
use crate::list::{Field, FieldKind, Listed};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// Where a run stands. The last three are terminal and never change.
    RunStatus {
        /// Accepted, and waiting for a worker.
        Queued = "queued",
        /// A worker is at it.
        Running = "running",
        /// Ended with an output.
        Succeeded = "succeeded",
        /// Ended with a reason.
        Failed = "failed",
        /// Ended because somebody asked for it.
        Canceled = "canceled",
    }
}

impl RunStatus {
    /// Whether the run has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

text_enum! {
    /// Who made the run.
    RunSource {
        /// A call of the API.
        Api = "api",
        /// The web console.
        Console = "console",
        /// The command line.
        Cli = "cli",
        /// An item of a batch.
        Batch = "batch",
    }
}

text_enum! {
    /// Why a run failed.
    FailureCode {
        /// The model cannot work with this input.
        InputValidationFailed = "INPUT_VALIDATION_FAILED",
        /// A file of the input could not be had.
        InputFetchFailed = "INPUT_FETCH_FAILED",
        /// The engine failed.
        EngineError = "ENGINE_ERROR",
        /// The engine is away.
        EngineUnavailable = "ENGINE_UNAVAILABLE",
        /// The time limit passed.
        Timeout = "TIMEOUT",
        /// The engine's answer cannot be used.
        OutputInvalid = "OUTPUT_INVALID",
        /// Every worker that took the run died under it.
        WorkerLost = "WORKER_LOST",
    }
}

text_enum! {
    /// In which stage a run failed.
    FailureStage {
        /// Before any work.
        Dispatch = "dispatch",
        /// While its inputs were made ready.
        Preprocess = "preprocess",
        /// While the model worked.
        Inference = "inference",
        /// While its outputs were stored.
        Postprocess = "postprocess",
    }
}

/// Why and where a run failed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// Why.
    pub code: FailureCode,
    /// Where.
    pub stage: FailureStage,
    /// For a person.
    pub message: String,
}

/// One execution of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The run.
    pub id: RunId,
    /// The organization.
    pub org_id: OrgId,
    /// The model's id.
    pub model_id: ModelId,
    /// The model's `owner/slug`.
    pub model: String,
    /// The model's version when the run was made.
    pub model_version: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Who made it.
    pub source: RunSource,
    /// The input; files in it are `runflow://assets/…` references.
    pub input: Value,
    /// The output; files in it are references too.
    pub output: Option<Value>,
    /// Why it failed.
    pub failure: Option<RunFailure>,
    /// How far it is, from 0 to 1.
    pub progress: Option<f64>,
    /// Its place in a batch, when it is an item of one.
    pub batch: Option<BatchPlace>,
    /// The caller's own name for it.
    pub client_ref: Option<String>,
    /// The request that made it.
    pub request_id: Option<RequestId>,
    /// The key that made it.
    pub created_by: Option<ApiKeyId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Where its end is told.
    pub callback_url: Option<String>,
    /// Whatever the caller keeps with it.
    pub metadata: Option<Value>,
    /// Whether its log has lines.
    pub has_logs: bool,
}

impl Listed for Run {
    const LIST: &'static str = "runs";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("model", FieldKind::Text),
        Field::new("model_id", FieldKind::Id).unsortable(),
        Field::new("target_version", FieldKind::Text)
            .unsortable()
            .stored_as("model_version"),
        Field::new("status_code", FieldKind::Word(RunStatus::WORDS)).stored_as("status"),
        Field::new("source_code", FieldKind::Word(RunSource::WORDS))
            .unsortable()
            .stored_as("source"),
        Field::new("failure_code", FieldKind::Word(FailureCode::WORDS))
            .nullable()
            .unsortable(),
        Field::new("failure_stage_code", FieldKind::Word(FailureStage::WORDS))
            .nullable()
            .unsortable()
            .stored_as("failure_stage"),
        Field::new("batch_id", FieldKind::Id)
            .nullable()
            .unsortable(),
        Field::new("client_ref", FieldKind::Text)
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

impl Run {
    /// Milliseconds from the start of the work to its end.
    pub fn duration_ms(&self) -> Option<i64> {
        Some(self.completed_at?.millis_since(self.started_at?))
    }
}

text_enum! {
    /// How much a line of a run's log matters.
    LogLevel {
        /// For whoever looks closely.
        Debug = "debug",
        /// What happened.
        Info = "info",
        /// What may surprise.
        Warning = "warning",
        /// What failed.
        Error = "error",
    }
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLog {
    /// The line.
    pub id: LogId,
    /// Its place among the run's lines, from 1.
    pub sequence: i64,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// When it was written.
    pub created_at: Timestamp,
}
