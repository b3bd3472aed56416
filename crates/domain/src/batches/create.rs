//! Creates a batch: every item is checked before anything is stored.

use runnel_engines::Entry;
use runnel_store::Tx;
use runnel_types::{
    Batch, BatchPlace, BatchStatus, Fault, FieldFault, ItemCounts, Kind, ModelSpec, OrgId, Run,
    RunSource, RunStatus, Scope,
};
use serde_json::{Map, Value};

use crate::assets::Described;
use crate::fields::{Fields, kind_of};
use crate::runs::{CheckedInput, MAX_CLIENT_REF};
use crate::{Caller, Services, faults};

/// The most items of a batch. SPEC: runs.md, "Batches".
const MAX_ITEMS: usize = 100;

/// After so many faults no further item is looked at: a body of ten megabytes
/// could otherwise ask for an answer of gigabytes.
const ENOUGH_FAULTS: usize = 1000;

/// An item that was found right.
struct Item {
    checked: CheckedInput,
    client_ref: Option<String>,
}

/// An item as it is kept: its input with references alone.
struct Stored {
    input: Map<String, Value>,
    client_ref: Option<String>,
}

/// How the items are given.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `input` is the list of inputs, each with its `client_ref` in it.
    Inputs,
    /// `items` is a list of objects with `input` and `client_ref`.
    Items,
}

impl Form {
    const fn field(self) -> &'static str {
        match self {
            Self::Inputs => "input",
            Self::Items => "items",
        }
    }

    /// A fault of a run's `input`, at the place of the item `index`.
    fn place(self, mut fault: FieldFault, index: usize) -> FieldFault {
        if matches!(self, Self::Inputs) && fault.loc.len() > 1 {
            fault.loc.remove(1);
        }
        fault.within(&[self.field(), &index.to_string()])
    }
}

impl Services {
    /// Creates a batch of runs of `model` and the jobs that will execute them.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, or `VALIDATION_ERROR` naming every wrong field of
    /// every item; nothing is stored then.
    pub async fn create_batch(
        &self,
        caller: &Caller,
        model: &str,
        body: &Value,
    ) -> Result<Batch, Fault> {
        caller.require(Scope::RunsCreate)?;
        let entry = self.model(model)?;
        let mut fields = Fields::of(body)?;
        let form = if fields.is_given("items") && !fields.is_given("input") {
            Form::Items
        } else {
            Form::Inputs
        };
        if fields.is_given("items") && fields.is_given("input") {
            let message = "the items are given as input or as items, not as both";
            fields.refuse("items", "conflict", message);
        }
        let given = fields.list(form.field(), 1, MAX_ITEMS);
        let (metadata, callback_url) = self.read_metadata_and_callback(&mut fields);
        let mut items = Vec::new();
        if let Some(given) = given {
            match self.check_items(caller.org_id, &entry, form, given).await? {
                Ok(checked) => items = checked,
                Err(found) => fields.refuse_all(found),
            }
        }
        fields.finish()?;

        let (stored, inline) = self.store_items(caller, &entry.spec, form, items).await?;
        let batch = Batch {
            id: self.ids.next(),
            org_id: caller.org_id,
            model_id: entry.spec.id,
            model: entry.spec.model.clone(),
            status: BatchStatus::Queued,
            source: RunSource::Api,
            items_total: u32::try_from(stored.len()).map_err(Fault::internal)?,
            counts: ItemCounts::default(),
            failure: None,
            request_id: Some(caller.request_id),
            created_by: Some(caller.key_id()),
            created_at: self.now(),
            started_at: None,
            completed_at: None,
            callback_url,
            metadata,
        };
        let runs = self.runs_of(&batch, &entry, stored);
        let written = self.accept_batch(caller, &batch, &runs, &inline).await;
        self.commit_files(written, inline.iter().map(Described::asset))
            .await?;
        Ok(batch)
    }

    /// Checks every item; the faults of all of them, each at its item.
    async fn check_items(
        &self,
        org: OrgId,
        entry: &Entry,
        form: Form,
        given: &[Value],
    ) -> Result<Result<Vec<Item>, Vec<FieldFault>>, Fault> {
        let mut items = Vec::with_capacity(given.len());
        let mut found: Vec<FieldFault> = Vec::new();
        for (index, value) in given.iter().enumerate() {
            let (input, client_ref) = match read_item(form, index, value) {
                Ok(read) => read,
                Err(wrong) => {
                    found.extend(wrong);
                    continue;
                }
            };
            match self.check_run_input(org, entry, &input).await? {
                Ok(checked) => items.push(Item {
                    checked,
                    client_ref,
                }),
                Err(wrong) => {
                    found.extend(wrong.into_iter().map(|fault| form.place(fault, index)));
                }
            }
            if found.len() >= ENOUGH_FAULTS {
                found.truncate(ENOUGH_FAULTS);
                let message = format!(
                    "more than {ENOUGH_FAULTS} faults up to item {index}; the rest was not looked at"
                );
                found.push(FieldFault::body(form.field(), "too_many_faults", message));
                break;
            }
        }
        Ok(if found.is_empty() {
            Ok(items)
        } else {
            Err(found)
        })
    }

    /// Stores the `data:` URIs of all items as assets; when one of them cannot
    /// be, none of them stays.
    async fn store_items(
        &self,
        caller: &Caller,
        model: &ModelSpec,
        form: Form,
        items: Vec<Item>,
    ) -> Result<(Vec<Stored>, Vec<Described>), Fault> {
        let mut stored = Vec::with_capacity(items.len());
        let mut inline = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match self.store_inline(caller, model, item.checked).await {
                Ok((input, files)) => {
                    inline.extend(files);
                    stored.push(Stored {
                        input,
                        client_ref: item.client_ref,
                    });
                }
                Err(fault) => {
                    self.discard_files(inline.iter().map(Described::asset))
                        .await;
                    return Err(at_item(fault, form, index));
                }
            }
        }
        Ok((stored, inline))
    }

    /// The runs of a batch. Their end is told by the batch, so they have no
    /// callback and no metadata of their own.
    fn runs_of(&self, batch: &Batch, entry: &Entry, items: Vec<Stored>) -> Vec<Run> {
        let run = |(index, item): (u32, Stored)| Run {
            id: self.ids.next(),
            org_id: batch.org_id,
            model_id: batch.model_id,
            model: batch.model.clone(),
            model_version: entry.spec.version.clone(),
            status: RunStatus::Queued,
            source: RunSource::Batch,
            input: Value::Object(item.input),
            output: None,
            failure: None,
            progress: None,
            batch: Some(BatchPlace {
                id: batch.id,
                index,
            }),
            client_ref: item.client_ref,
            request_id: batch.request_id,
            created_by: batch.created_by,
            created_at: batch.created_at,
            started_at: None,
            completed_at: None,
            callback_url: None,
            metadata: None,
            has_logs: false,
        };
        (0..).zip(items).map(run).collect()
    }

    /// Writes the batch, its runs, their jobs and the pictures that came with
    /// them; to be committed.
    async fn accept_batch(
        &self,
        caller: &Caller,
        batch: &Batch,
        runs: &[Run],
        inline: &[Described],
    ) -> Result<Tx, Fault> {
        let mut tx = self.begin_once(caller).await?;
        for new in inline {
            self.insert_described(&mut tx, new).await?;
        }
        // ORDER: the batch before its runs, which refer to it.
        tx.batches().insert(batch).await.map_err(faults::store)?;
        for run in runs {
            tx.runs().insert(run).await.map_err(faults::store)?;
            self.enqueue_run(&mut tx, run).await?;
        }
        Ok(tx)
    }
}

/// The fault of an item's `input`, told at the item.
fn at_item(fault: Fault, form: Form, index: usize) -> Fault {
    if fault.kind != Kind::Invalid {
        return fault;
    }
    let fields = fault.fields.into_iter();
    Fault::invalid(fields.map(|field| form.place(field, index)).collect())
}

/// An input, and the caller's name for it.
type ReadItem = (Map<String, Value>, Option<String>);

/// The input of an item and the caller's name for it, or what is wrong with them.
fn read_item(form: Form, index: usize, value: &Value) -> Result<ReadItem, Vec<FieldFault>> {
    let place = [form.field(), &index.to_string()];
    let Some(object) = value.as_object() else {
        let message = format!("must be an object, not {}", kind_of(value));
        return Err(vec![FieldFault::body(
            &place.join("."),
            "object_type",
            message,
        )]);
    };
    let mut fields = Fields::of_object(object);
    let input = match form {
        Form::Inputs => Some(object),
        Form::Items => fields.object("input"),
    };
    let client_ref = fields
        .optional_text("client_ref", MAX_CLIENT_REF)
        .map(str::to_owned);
    let found = fields.into_faults();
    let Some(input) = input.filter(|_| found.is_empty()) else {
        let at_item = found.into_iter().map(|fault| fault.within(&place));
        return Err(at_item.collect());
    };
    let mut input = input.clone();
    if matches!(form, Form::Inputs) {
        // SPEC: taken out before the model's inputs are looked at.
        input.remove("client_ref");
    }
    Ok((input, client_ref))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_are_told_at_their_item() {
        let fault = || FieldFault::body("input.prompt", "missing", "this input is required");
        assert_eq!(Form::Inputs.place(fault(), 3).field(), "input.3.prompt");
        assert_eq!(
            Form::Items.place(fault(), 3).field(),
            "items.3.input.prompt"
        );
        assert_eq!(Form::Items.place(fault(), 3).loc[0], "body");
    }

    #[test]
    fn an_item_gives_up_its_name_and_keeps_its_input() {
        let input = |value: &Value| value.as_object().unwrap().clone();
        let flat = json!({"text": "a", "client_ref": "mine"});
        let expected = (input(&json!({"text": "a"})), Some("mine".to_owned()));
        assert_eq!(read_item(Form::Inputs, 0, &flat), Ok(expected));
        let nested = json!({"input": flat, "client_ref": null, "more": 1});
        assert_eq!(read_item(Form::Items, 0, &nested), Ok((input(&flat), None)));
        let long = "x".repeat(MAX_CLIENT_REF + 1);
        for (form, value, fields) in [
            (Form::Inputs, json!(7), vec!["input.2"]),
            (
                Form::Inputs,
                json!({"client_ref": 7}),
                vec!["input.2.client_ref"],
            ),
            (
                Form::Inputs,
                json!({"client_ref": long}),
                vec!["input.2.client_ref"],
            ),
            (Form::Items, json!([]), vec!["items.2"]),
            (Form::Items, json!({}), vec!["items.2.input"]),
            (
                Form::Items,
                json!({"input": "x", "client_ref": []}),
                vec!["items.2.input", "items.2.client_ref"],
            ),
        ] {
            let found = read_item(form, 2, &value).unwrap_err();
            let found: Vec<String> = found.iter().map(FieldFault::field).collect();
            assert_eq!(found, fields, "{value}");
        }
    }
}
