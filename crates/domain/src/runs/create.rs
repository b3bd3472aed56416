//! Creates a run: everything is checked before anything is stored.

use runnel_engines::Entry;
use runnel_store::Tx;
use runnel_types::{Asset, Fault, FieldFault, Job, Run, RunSource, RunStatus, Scope};
use serde_json::{Map, Value};

use super::inputs::References;
use crate::assets::reference;
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
            .find_references(caller.org_id, &spec, engine.as_ref(), &input)
            .await?
        {
            Ok(references) => references,
            Err(found) => {
                fields.refuse_all(found);
                References::default()
            }
        };
        fields.finish()?;

        let inline = match self.store_inline(caller, references, &mut input).await? {
            Ok(inline) => inline,
            Err(found) => return Err(Fault::invalid(found)),
        };
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
            self.discard_files(&inline).await;
            return Err(fault);
        }
        Ok(run)
    }

    /// Writes the run, the pictures that came with it and its job, in one commit.
    async fn accept(&self, caller: &Caller, run: &Run, inline: &[Asset]) -> Result<(), Fault> {
        let mut tx = self.begin_once(caller).await?;
        for asset in inline {
            tx.assets().insert(asset).await.map_err(faults::store)?;
        }
        tx.runs().insert(run).await.map_err(faults::store)?;
        let job = Job::ExecuteRun {
            org_id: run.org_id,
            run_id: run.id,
        };
        self.enqueue(&mut tx, &job, run.created_at).await?;
        tx.commit().await.map_err(faults::store)
    }

    /// Adds a job to the caller's transaction, due at `run_at`.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut Tx,
        job: &Job,
        run_at: runnel_types::Timestamp,
    ) -> Result<(), Fault> {
        tx.jobs()
            .enqueue(self.ids.next(), job, run_at, 0)
            .await
            .map_err(faults::store)
    }

    /// Stores the `data:` URIs of the input as assets and puts references in
    /// their place.
    async fn store_inline(
        &self,
        caller: &Caller,
        references: References,
        input: &mut Map<String, Value>,
    ) -> Result<Result<Vec<Asset>, Vec<FieldFault>>, Fault> {
        let mut stored: Vec<Asset> = Vec::new();
        for inline in references.inline {
            let name = inline.name.clone();
            match self.store_file(inline.into_file(caller)).await? {
                Ok(asset) => {
                    input.insert(name, reference(asset.id).into());
                    stored.push(asset);
                }
                Err(message) => {
                    self.discard_files(&stored).await;
                    return Ok(Err(vec![FieldFault::body(
                        &format!("input.{name}"),
                        "data_uri",
                        message,
                    )]));
                }
            }
        }
        Ok(Ok(stored))
    }
}
