//! Runs a run again: a new run of the same model with the same input.

use runnel_types::{Fault, Run, RunId, Scope};
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::{Caller, Services};

impl Services {
    /// Creates a run with the model, the input and the metadata of an earlier
    /// one. Its files are the same assets; what the caller named the earlier one,
    /// and where that one's end was told, is not taken over.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`; `MODEL_NOT_FOUND` when the model is gone;
    /// `VALIDATION_ERROR` when the model takes the input no longer, or a file of
    /// it is gone. Nothing is stored then.
    pub async fn rerun(&self, caller: &Caller, id: RunId, body: &Value) -> Result<Run, Fault> {
        caller.require(Scope::RunsCreate)?;
        // What is given in it is checked with the rest of the new run.
        Fields::of(body)?.finish()?;
        let earlier = self.read_run(caller.org_id, id).await?;
        if let Err(fault) = self.model(&earlier.model) {
            let message = format!(
                "the model {} of the run {id} is no longer in the catalogue; nothing was run",
                earlier.model
            );
            return Err(Fault { message, ..fault });
        }
        let mut asked = Map::from_iter([("input".to_owned(), earlier.input)]);
        asked.extend(
            ["client_ref", "callback_url"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone()))),
        );
        asked.insert("metadata".to_owned(), json!(earlier.metadata));
        self.create_run(caller, &earlier.model, &Value::Object(asked))
            .await
    }
}
