//! Creates a run: everything is checked before anything is stored.

use std::collections::BTreeMap;

use runnel_engines::Entry;
use runnel_types::{Fault, ModelSpec, Run, RunSource, RunStatus, Scope};
use serde_json::{Map, Value};

use super::inputs::{References, put_references};
use crate::assets::Described;
use crate::fields::Fields;
use crate::models::check_input;
use crate::{Caller, Services, faults};

/// The most bytes of a run's metadata, as JSON.
const MAX_METADATA: usize = 64 * 1024;
/// The most characters of a callback's URL.
const MAX_URL: usize = 2048;
/// The most characters of a caller's own name for a run.
const MAX_CLIENT_REF: usize = 255;

impl Services {
    /// Creates a run of `model` and the job that will execute it.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, or `VALIDATION_ERROR` naming every wrong field;
    /// nothing is stored then.
    pub async fn create_run(
        &self,
        caller: &Caller,
        model: &str,
        body: &Value,
    ) -> Result<Run, Fault> {
        caller.require(Scope::RunsCreate)?;
        let Entry { spec, engine } = self.model(model)?;
        let mut fields = Fields::of(body)?;
        let given = fields.object("input");
        let metadata = fields.optional_object("metadata", MAX_METADATA).cloned();
        let callback_url = fields
            .optional_text("callback_url", MAX_URL)
            .map(str::to_owned);
        let client_ref = fields
            .optional_text("client_ref", MAX_CLIENT_REF)
            .map(str::to_owned);
        if let Some(url) = &callback_url
            && let Err(error) = self.egress.check_url(url)
        {
            fields.refuse("callback_url", "url", error.to_string());
        }
        let mut input = Map::new();
        if let Some(given) = given {
            match check_input(&spec, given) {
                Ok(checked) => {
                    if let Err((name, message)) = engine.check(model, &checked) {
                        fields.refuse(&format!("input.{name}"), "unsupported", message);
                    }
                    input = checked;
                }
                Err(found) => fields.refuse_all(found),
            }
        }
        let references = match self
            .find_references(caller.org_id, &spec, engine.as_ref(), &mut input)
            .await?
        {
            Ok(references) => references,
            Err(found) => {
                fields.refuse_all(found);
                References::default()
            }
        };
        fields.finish()?;

        let inline = self
            .store_inline(caller, &spec, references, &mut input)
            .await?;
        let run = Run {
            id: self.ids.next(),
            org_id: caller.org_id,
            model_id: spec.id,
            model: spec.model.clone(),
            model_version: spec.version.clone(),
            status: RunStatus::Queued,
            source: RunSource::Api,
            input: Value::Object(input),
            output: None,
            failure: None,
            progress: None,
            client_ref,
            request_id: Some(caller.request_id),
            created_by: Some(caller.key_id()),
            created_at: self.now(),
            started_at: None,
            completed_at: None,
            callback_url,
            metadata,
            has_logs: false,
        };
        if let Err(fault) = self.accept(caller, &run, &inline).await {
            self.discard_files(inline.iter().map(Described::asset))
                .await;
            return Err(fault);
        }
        Ok(run)
    }

    /// Writes the run, the files that came with it and its job, in one commit.
    async fn accept(&self, caller: &Caller, run: &Run, inline: &[Described]) -> Result<(), Fault> {
        let mut tx = self.begin_once(caller).await?;
        for new in inline {
            self.insert_described(&mut tx, new).await?;
        }
        tx.runs().insert(run).await.map_err(faults::store)?;
        self.enqueue_run(&mut tx, run).await?;
        tx.commit().await.map_err(faults::store)
    }

    /// Stores the `data:` URIs of the input as assets and puts references in
    /// their place. Of a refused one nothing is left behind.
    async fn store_inline(
        &self,
        caller: &Caller,
        model: &ModelSpec,
        references: References,
        input: &mut Map<String, Value>,
    ) -> Result<Vec<Described>, Fault> {
        let mut stored: Vec<Described> = Vec::new();
        let mut by_place = BTreeMap::new();
        for inline in references.inline {
            let refusal = match self
                .store_bytes(inline.new_file(caller), &inline.bytes)
                .await
            {
                Ok(Ok(new)) => {
                    by_place.insert(inline.place, new.asset().id);
                    stored.push(new);
                    continue;
                }
                Ok(Err(message)) => {
                    let place = format!("input.{}", inline.place);
                    Fault::invalid_field(&place, "data_uri", message)
                }
                Err(fault) => fault,
            };
            self.discard_files(stored.iter().map(Described::asset))
                .await;
            return Err(refusal);
        }
        put_references(model, input, &by_place);
        Ok(stored)
    }
}
