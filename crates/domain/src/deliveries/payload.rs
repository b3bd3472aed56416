//! The body of a callback. SPEC: runs.md, "Callbacks" and "Batches".

use runnel_types::{Batch, BatchStatus, Run, RunStatus, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// The fields in the order in which the contract shows them.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    event: &'static str,
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

/// Freezes the body that tells a run's end. `output` is the run's output with
/// signed URLs in place of references.
pub(super) fn freeze(run: &Run, output: Option<Value>) -> Result<String, serde_json::Error> {
    let (event, status, output) = match run.status {
        // Two l's: callbacks spell it as the hosted service's do.
        RunStatus::Canceled => ("run.cancelled", "cancelled", Value::Null),
        RunStatus::Failed => ("run.failed", "failed", failure(run)),
        RunStatus::Succeeded | RunStatus::Queued | RunStatus::Running => {
            ("run.completed", "succeeded", output.unwrap_or_default())
        }
    };
    serde_json::to_string(&Payload {
        event,
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
    let (event, status) = match batch.status {
        BatchStatus::Canceled => ("batch.cancelled", "cancelled"),
        BatchStatus::Failed => ("batch.failed", "failed"),
        BatchStatus::PartialSucceeded => ("batch.partial_succeeded", "partial_succeeded"),
        BatchStatus::Succeeded | BatchStatus::Queued | BatchStatus::Running => {
            ("batch.succeeded", "succeeded")
        }
    };
    serde_json::to_string(&Payload {
        event,
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
