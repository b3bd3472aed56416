//! Creates a run: everything is checked before anything is stored.
//!
//! What is checked of one run is checked of each item of a batch too.

use std::collections::BTreeMap;

use runnel_engines::Entry;
use runnel_store::Tx;
use runnel_types::{Fault, FieldFault, ModelSpec, OrgId, Run, RunSource, RunStatus, Scope};
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
pub(crate) const MAX_CLIENT_REF: usize = 255;

/// An input that a model can work with, and what it refers to.
#[derive(Debug)]
pub(crate) struct CheckedInput {
    pub(crate) input: Map<String, Value>,
    references: References,
}

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
        let entry = self.model(model)?;
        let spec = &entry.spec;
        let mut fields = Fields::of(body)?;
        let given = fields.object("input");
        let (metadata, callback_url) = self.read_metadata_and_callback(&mut fields);
        let client_ref = fields
            .optional_text("client_ref", MAX_CLIENT_REF)
            .map(str::to_owned);
        let checked = match given {
            Some(given) => match self.check_run_input(caller.org_id, &entry, given).await? {
                Ok(checked) => Some(checked),
                Err(found) => {
                    fields.refuse_all(found);
                    None
                }
            },
            None => None,
        };
        fields.finish()?;
        // INVARIANT: without an input, a fault was told above.
        let checked = checked.ok_or_else(|| Fault::internal("a run without an input"))?;

        let (input, inline) = self.store_inline(caller, spec, checked).await?;
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
            batch: None,
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
        let written = self.accept(caller, &run, &inline).await;
        self.commit_files(written, inline.iter().map(Described::asset))
            .await?;
        Ok(run)
    }

    /// Reads what a run and a batch are given beside their input.
    pub(crate) fn read_metadata_and_callback(
        &self,
        fields: &mut Fields<'_>,
    ) -> (Option<Value>, Option<String>) {
        let metadata = fields.optional_object("metadata", MAX_METADATA).cloned();
        let callback_url = fields
            .optional_text("callback_url", MAX_URL)
            .map(str::to_owned);
        if let Some(url) = &callback_url
            && let Err(error) = self.egress.check_url(url, "callback")
        {
            fields.refuse("callback_url", "url", error.to_string());
        }
        (metadata, callback_url)
    }

    /// Checks an input against what its model declares and what it refers to;
    /// one fault for each wrong field, at `input.<name>`.
    pub(crate) async fn check_run_input(
        &self,
        org: OrgId,
        entry: &Entry,
        given: &Map<String, Value>,
    ) -> Result<Result<CheckedInput, Vec<FieldFault>>, Fault> {
        let Entry { spec, engine } = entry;
        let mut input = match check_input(spec, given) {
            Ok(input) => input,
            Err(found) => return Ok(Err(found)),
        };
        let mut found = Vec::new();
        if let Err((name, message)) = engine.check(&spec.model, &input) {
            let field = format!("input.{name}");
            found.push(FieldFault::body(&field, "unsupported", message));
        }
        let references = self
            .find_references(org, spec, engine.as_ref(), &mut input)
            .await?;
        match references {
            Ok(references) if found.is_empty() => {
                return Ok(Ok(CheckedInput { input, references }));
            }
            Ok(_) => {}
            Err(wrong) => found.extend(wrong),
        }
        Ok(Err(found))
    }

    /// Writes the run, the files that came with it and its job; to be committed.
    async fn accept(&self, caller: &Caller, run: &Run, inline: &[Described]) -> Result<Tx, Fault> {
        let mut tx = self.begin_once(caller).await?;
        for new in inline {
            self.insert_described(&mut tx, new).await?;
        }
        tx.runs().insert(run).await.map_err(faults::store)?;
        self.enqueue_run(&mut tx, run).await?;
        Ok(tx)
    }

    /// Stores the `data:` URIs of the input as assets and puts references in
    /// their place. Of a refused one nothing is left behind.
    pub(crate) async fn store_inline(
        &self,
        caller: &Caller,
        model: &ModelSpec,
        checked: CheckedInput,
    ) -> Result<(Map<String, Value>, Vec<Described>), Fault> {
        let CheckedInput {
            mut input,
            references,
        } = checked;
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
        put_references(model, &mut input, &by_place);
        Ok((input, stored))
    }
}
