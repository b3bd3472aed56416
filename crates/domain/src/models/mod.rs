//! Models: listed, found by name, and a run's input checked against what they
//! declare.
//!
//! The catalogue lies in memory and is the same for every organization; any key
//! may read it, as the contract has no scope for models.

mod availability;
mod json_schema;
mod schema;

use std::sync::Arc;

use runnel_engines::{Entry, model_file};
use runnel_types::list::{self, Field, ListRequest, Place};
use runnel_types::{Fault, InputSpec, InputType, ModelSpec, Page, words};
use serde_json::{Value, json};
use uuid::Uuid;

pub use availability::Availability;
pub(crate) use schema::check_input;

use crate::{Caller, Services};

/// A model as it is shown.
#[derive(Debug, Clone)]
pub struct ModelView {
    /// The model.
    pub spec: Arc<ModelSpec>,
    /// The JSON Schema of a run's `input`.
    pub input_schema: Value,
    /// Whether its engine could work when it was asked last.
    pub is_available: bool,
}

impl ModelView {
    fn of(spec: Arc<ModelSpec>, is_available: bool) -> Self {
        let input_schema = json_schema::input_schema(&spec);
        Self {
            spec,
            input_schema,
            is_available,
        }
    }

    /// The id of one of its inputs.
    pub fn input_id(&self, input: &InputSpec) -> Uuid {
        model_file::name::input_id(self.spec.id, &input.name)
    }
}

/// What checks the values of an input beyond their type, and with which limits:
/// `range`, `length`, `items` or `options`.
pub fn validator(input: &InputSpec) -> Option<(&'static str, Value)> {
    if !input.options.is_empty() {
        return Some(("options", json!({"options": input.options})));
    }
    let code = match input.input_type {
        InputType::Integer | InputType::Number => "range",
        InputType::String => "length",
        InputType::ImageList => "items",
        _ => return None,
    };
    if input.min.is_none() && input.max.is_none() {
        return None;
    }
    let limit = |limit: Option<f64>| limit.map(json_schema::number);
    Some((
        code,
        json!({"min": limit(input.min), "max": limit(input.max)}),
    ))
}

impl Services {
    /// The model called `owner/slug`, with its engine, be it one that is passed
    /// on to another server.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub fn model(&self, name: &str) -> Result<Entry, Fault> {
        self.models.get(name).ok_or_else(|| self.no_model(name))
    }

    /// The model of the catalogue called `owner/slug`.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, also for a model that is only passed on: nothing is
    /// known of its inputs here.
    pub async fn get_model(&self, _caller: &Caller, name: &str) -> Result<ModelView, Fault> {
        if let Some(entry) = self.models.models().get(name) {
            let is_available = self.availability_of(std::slice::from_ref(entry)).await;
            let is_available = is_available.first().is_none_or(|answer| *answer);
            return Ok(ModelView::of(Arc::clone(&entry.spec), is_available));
        }
        if self.models.get(name).is_some() {
            let message = format!(
                "{name} is not in the catalogue; its runs are passed on to another server, which knows whether there is such a model and what it takes"
            );
            return Err(Fault::not_found("MODEL_NOT_FOUND", message));
        }
        Err(self.no_model(name))
    }

    /// A page of the catalogue.
    pub async fn list_models(
        &self,
        _caller: &Caller,
        request: &ListRequest,
    ) -> Page<ModelView, Place> {
        let entries = self.models.models().values().cloned().collect::<Vec<_>>();
        let id = |entry: &Entry| entry.spec.id.as_uuid();
        let page = list::page_of(entries, request, id, value);
        let mut answers = self.availability_of(&page.items).await.into_iter();
        page.map(|entry| ModelView::of(entry.spec, answers.next().unwrap_or(true)))
    }

    fn no_model(&self, name: &str) -> Fault {
        let models = self.models.models();
        let known: Vec<&str> = models.keys().map(String::as_str).collect();
        let all = words::listed(&known);
        let meant = words::nearest(&known, name);
        // A path may be long; enough of it to recognise it is enough.
        let name: String = name.chars().take(200).collect();
        let message = match meant {
            Some(meant) => {
                format!("there is no model {name:?}, did you mean {meant:?}? the models are {all}")
            }
            None => format!("there is no model {name:?}; the models are {all}"),
        };
        Fault::not_found("MODEL_NOT_FOUND", message)
    }
}

/// What a model has in a field of its list.
fn value(entry: &Entry, field: &Field) -> list::Value {
    let spec = &entry.spec;
    let text = |text: &str| list::Value::Text(text.to_owned());
    let maybe = |word: &Option<String>| word.as_deref().map_or(list::Value::Null, text);
    let about = &spec.about;
    match field.name {
        "id" => text(&spec.id.to_string()),
        "model" => text(&spec.model),
        "slug" => text(spec.slug()),
        "name" => text(&spec.name),
        "description" => text(&spec.description),
        "version" => text(&spec.version),
        "category_code" => maybe(&about.category),
        "license_code" => maybe(&about.license),
        "engine" => text(&spec.engine),
        "status_code" => text(STATUS),
        "created_at" => list::Value::Integer(about.created_at.as_micros()),
        "updated_at" => list::Value::Integer(about.updated_at.as_micros()),
        _ => list::Value::Null,
    }
}

/// The status of every model that there is.
pub const STATUS: &str = "active";

#[cfg(test)]
mod tests;
