//! A run as the remote tells it.

use serde_json::Value;

use crate::engine::{EngineError, EngineErrorKind};
use crate::remote::refusal::squeezed;

/// What is known of a remote run.
#[derive(Debug)]
pub(super) struct RemoteRun {
    pub(super) id: String,
    status: String,
    pub(super) progress: Option<f64>,
    output: Value,
    failure: Option<(String, String)>,
}

impl RemoteRun {
    pub(super) fn read(mut json: Value) -> Result<Self, EngineError> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let (Some(id), Some(status)) = (text("id"), text("status_code")) else {
            return Err(EngineError::output_invalid(
                "the server answered with what is no run: it has no id or no status_code; is the URL in the model file that of a Runflow or a Runnel?",
            ));
        };
        let code =
            text("failure_code").or_else(|| json["error"]["code"].as_str().map(str::to_owned));
        let message = text("failure_message")
            .or_else(|| json["error"]["message"].as_str().map(str::to_owned));
        Ok(Self {
            id,
            status,
            progress: json["progress"].as_f64(),
            failure: code.map(|code| (code, message.unwrap_or_default())),
            output: json["output"].take(),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running" | "pending")
    }

    /// Whether an execution that finds this run should not begin another.
    pub(super) fn is_worth_waiting_for(&self) -> bool {
        !matches!(self.status.as_str(), "failed" | "canceled" | "cancelled")
    }

    /// The output of a run that is over.
    pub(super) fn output(self, server: &str) -> Result<Value, EngineError> {
        match self.status.as_str() {
            "succeeded" | "partial_succeeded" => Ok(self.output),
            "failed" => {
                let (code, message) = self.failure.unwrap_or_default();
                Err(failure(server, &code, &message))
            }
            "canceled" | "cancelled" => Err(EngineError::failed(format!(
                "the run was cancelled on {server}"
            ))),
            other => Err(EngineError::output_invalid(format!(
                "{server} says that the run is {:?}, which is no status of one",
                squeezed(other)
            ))),
        }
    }
}

/// The failure of a remote run as one of ours.
fn failure(server: &str, code: &str, message: &str) -> EngineError {
    use EngineErrorKind::{Failed, InvalidInput, OutputInvalid, Unavailable};
    let (kind, is_passing) = match code {
        "INPUT_VALIDATION_FAILED" | "INPUT_FETCH_FAILED" => (InvalidInput, false),
        "ENGINE_UNAVAILABLE" => (Unavailable, true),
        "OUTPUT_INVALID" => (OutputInvalid, false),
        "WORKER_LOST" => (Failed, true),
        _ => (Failed, false),
    };
    let message = match squeezed(message) {
        message if message.is_empty() => format!("the run failed on {server} ({code})"),
        message => format!("{message} (on {server}, {code})"),
    };
    let error = EngineError::new(kind, message);
    if is_passing { error.passing() } else { error }
}
