//! The body of a callback. SPEC: runs.md, "Callbacks".

use runnel_types::{Run, RunStatus};
use serde::Serialize;
use serde_json::{Value, json};

/// The fields in the order in which the contract shows them.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    event: &'static str,
    run_id: String,
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
        run_id: run.id.to_string(),
        status,
        output,
        duration_ms: run.duration_ms(),
        created_at: run.created_at.to_callback_format(),
        completed_at: run
            .completed_at
            .map(runnel_types::Timestamp::to_callback_format),
        metadata: run.metadata.as_ref(),
    })
}

fn failure(run: &Run) -> Value {
    let told = run.failure.as_ref().map(
        |failure| json!({"code": failure.code, "message": failure.message, "stage": failure.stage}),
    );
    json!({"error": told})
}
