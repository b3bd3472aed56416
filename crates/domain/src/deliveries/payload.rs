//! The body that tells an end, to a callback and to webhooks. SPEC: runs.md,
//! "Callbacks" and "Batches".

use runnel_types::{Batch, BatchStatus, EventType, Run, RunStatus, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// The fields in the order in which the contract shows them.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    event: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    status: &'static str,
    output: Value,
    duration_ms: Option<i64>,
    created_at: String,
    completed_at: Option<String>,
    metadata: Option<&'a Value>,
}

/// What the end of a run is called.
pub(super) const fn event_of(run: &Run) -> EventType {
    match run.status {
        // Two l's: callbacks spell it as the hosted service's do.
        RunStatus::Canceled => EventType::RunCancelled,
        RunStatus::Failed => EventType::RunFailed,
        RunStatus::Succeeded | RunStatus::Queued | RunStatus::Running => EventType::RunCompleted,
    }
}

/// What the end of a batch is called.
pub(super) const fn event_of_batch(batch: &Batch) -> EventType {
    match batch.status {
        BatchStatus::Canceled => EventType::BatchCancelled,
        BatchStatus::Failed => EventType::BatchFailed,
        BatchStatus::PartialSucceeded => EventType::BatchPartialSucceeded,
        BatchStatus::Succeeded | BatchStatus::Queued | BatchStatus::Running => {
            EventType::BatchSucceeded
        }
    }
}

/// Freezes the body that tells a run's end. `output` is the run's output with
/// signed URLs in place of references.
pub(super) fn freeze(run: &Run, output: Option<Value>) -> Result<String, serde_json::Error> {
    let (status, output) = match run.status {
        RunStatus::Canceled => ("cancelled", Value::Null),
        RunStatus::Failed => ("failed", failure(run)),
        RunStatus::Succeeded | RunStatus::Queued | RunStatus::Running => {
            ("succeeded", output.unwrap_or_default())
        }
    };
    serde_json::to_string(&Payload {
        event: event_of(run),
        run_id: Some(run.id.to_string()),
        batch_id: None,
        status,
        output,
        duration_ms: run.duration_ms(),
        created_at: run.created_at.to_callback_format(),
        completed_at: run.completed_at.map(Timestamp::to_callback_format),
        metadata: run.metadata.as_ref(),
    })
}

/// Freezes the body that tells a batch's end. `output` is that of the batch,
/// with signed URLs in place of references.
pub(super) fn freeze_batch(batch: &Batch, output: Value) -> Result<String, serde_json::Error> {
    let status = match batch.status {
        BatchStatus::Canceled => "cancelled",
        BatchStatus::Failed => "failed",
        BatchStatus::PartialSucceeded => "partial_succeeded",
        BatchStatus::Succeeded | BatchStatus::Queued | BatchStatus::Running => "succeeded",
    };
    serde_json::to_string(&Payload {
        event: event_of_batch(batch),
        run_id: None,
        batch_id: Some(batch.id.to_string()),
        status,
        output,
        duration_ms: batch.duration_ms(),
        created_at: batch.created_at.to_callback_format(),
        completed_at: batch.completed_at.map(Timestamp::to_callback_format),
        metadata: batch.metadata.as_ref(),
    })
}

fn failure(run: &Run) -> Value {
    let told = run.failure.as_ref().map(
        |failure| json!({"code": failure.code, "message": failure.message, "stage": failure.stage}),
    );
    json!({"error": told})
}
