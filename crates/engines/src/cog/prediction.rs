//! A prediction as Cog tells it.

use serde_json::Value;

use crate::engine::EngineError;
use crate::remote::refusal::{from_json, squeezed};

/// What is known of a prediction.
#[derive(Debug)]
pub(super) struct Prediction {
    status: String,
    pub(super) id: Option<String>,
    /// Where to ask for it again, when the server says so.
    pub(super) poll_url: Option<String>,
    pub(super) logs: String,
    output: Value,
    error: Option<String>,
}

impl Prediction {
    pub(super) fn read(mut json: Value) -> Result<Self, EngineError> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let Some(status) = text("status") else {
            return Err(EngineError::output_invalid(
                "the engine answered with what is no prediction: it has no status; does a Cog server run at the URL in the model file?",
            ));
        };
        Ok(Self {
            status,
            id: text("id"),
            poll_url: json["urls"]["get"].as_str().map(str::to_owned),
            logs: text("logs").unwrap_or_default(),
            error: from_json(&json["error"]),
            output: json["output"].take(),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "starting" | "processing" | "queued")
    }

    /// The output of a prediction that is over.
    pub(super) fn output(self, server: &str) -> Result<Value, EngineError> {
        let error = squeezed(self.error.as_deref().unwrap_or("it does not say why"));
        match self.status.as_str() {
            "succeeded" | "successful" => Ok(self.output),
            "failed" if error.starts_with("Input validation error") => Err(
                EngineError::invalid_input(format!("the engine at {server}: {error}")),
            ),
            "failed" => Err(EngineError::failed(format!(
                "the model failed on {server}: {}",
                // Cog says the first words once for each of its layers.
                error.trim_start_matches("Prediction failed: ")
            ))),
            "canceled" | "cancelled" | "aborted" => Err(EngineError::failed(format!(
                "the prediction was called off on {server}"
            ))),
            other => Err(EngineError::output_invalid(format!(
                "the engine at {server} says that the prediction is {:?}, which is no state of one",
                squeezed(other)
            ))),
        }
    }
}
