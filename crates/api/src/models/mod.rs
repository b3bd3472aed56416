//! Models, and the form in which both operations show them.

pub(crate) mod get;
pub(crate) mod list;

use runnel_domain::models::{ModelView, STATUS, validator};
use runnel_types::{InputSpec, OutputSpec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// What can be run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelResponse {
    /// The model.
    id: Uuid,
    /// Always null: the catalogue is everybody's.
    org_id: Option<Uuid>,
    /// The full name, `owner/slug`.
    model: String,
    /// What follows the owner in its name.
    slug: String,
    /// Its name for people.
    name: String,
    /// What it does.
    description: String,
    /// Its version.
    version: String,
    /// Always true.
    is_public: bool,
    /// The kind of work that it does.
    category_code: Option<String>,
    /// Always `active`.
    status_code: &'static str,
    /// `available`, or `unavailable` when its engine did not answer when it was
    /// asked last, some seconds ago at most. Runs wait for an engine that is away.
    availability_status: &'static str,
    /// Under which licence it is.
    license_code: Option<String>,
    /// Always null.
    max_resolution: Option<String>,
    /// Always false.
    supports_streaming: bool,
    /// Always null.
    pricing_note: Option<String>,
    /// Always null.
    icon_url: Option<String>,
    /// Always null.
    cover_url: Option<String>,
    /// What runs it: `builtin`, `http`, `cog`, `comfyui` or `runflow`.
    engine: String,
    /// When it was added: with a model file, when that was last changed.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// What it takes, in the order in which a person would fill it in.
    inputs: Vec<InputResponse>,
    /// What it makes.
    outputs: Vec<OutputResponse>,
    /// The JSON Schema (2020-12) of a run's `input`.
    input_schema: Value,
}

/// An input of a model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InputResponse {
    /// The input.
    id: Uuid,
    /// Its model.
    model_id: Uuid,
    /// Its key in a run's `input`.
    name: String,
    /// Its name for people.
    display_name: String,
    /// What it does.
    description: String,
    /// `image`, `image_list`, `video`, `string`, `integer`, `number`, `boolean`,
    /// `json` or `color`.
    variable_type_code: &'static str,
    /// What checks it beyond its type: `range` of numbers, `length` of a text,
    /// `items` of a list, `options`; null when nothing does.
    validator_code: Option<&'static str>,
    /// `min` and `max`, either of which may be null, or the `options`.
    validator_attrs: Option<Value>,
    /// Whether a run without it is refused.
    is_required: bool,
    /// What is used when it is left out.
    default_value: Option<Value>,
    /// Its place among the inputs, from 0.
    sort_order: usize,
    /// Whether a person should see it first: whether it is required.
    is_featured: bool,
}

/// An output of a model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OutputResponse {
    /// Its key in a run's `output`.
    name: String,
    /// Its name for people.
    display_name: String,
    /// What it is.
    description: String,
    /// Its type, of those that inputs have.
    variable_type_code: &'static str,
    /// Its place among the outputs, from 0.
    sort_order: usize,
}

impl From<ModelView> for ModelResponse {
    fn from(view: ModelView) -> Self {
        let inputs = view.spec.inputs.iter().enumerate();
        let inputs = inputs
            .map(|(place, spec)| input(&view, place, spec))
            .collect();
        let outputs = view.spec.outputs.iter().enumerate();
        let outputs = outputs.map(|(place, spec)| output(place, spec)).collect();
        let (spec, about) = (&*view.spec, &view.spec.about);
        Self {
            id: spec.id.as_uuid(),
            org_id: None,
            model: spec.model.clone(),
            slug: spec.slug().to_owned(),
            name: spec.name.clone(),
            description: spec.description.clone(),
            version: spec.version.clone(),
            is_public: true,
            category_code: about.category.clone(),
            status_code: STATUS,
            availability_status: if view.is_available {
                "available"
            } else {
                "unavailable"
            },
            license_code: about.license.clone(),
            max_resolution: None,
            supports_streaming: false,
            pricing_note: None,
            icon_url: None,
            cover_url: None,
            engine: spec.engine.clone(),
            created_at: about.created_at.to_rfc3339(),
            updated_at: about.updated_at.to_rfc3339(),
            inputs,
            outputs,
            input_schema: view.input_schema,
        }
    }
}

fn input(view: &ModelView, place: usize, spec: &InputSpec) -> InputResponse {
    let (validator_code, validator_attrs) = validator(spec).unzip();
    InputResponse {
        id: view.input_id(spec),
        model_id: view.spec.id.as_uuid(),
        name: spec.name.clone(),
        display_name: spec.display_name.clone(),
        description: spec.description.clone(),
        variable_type_code: spec.input_type.as_str(),
        validator_code,
        validator_attrs,
        is_required: spec.required,
        default_value: spec.default.clone(),
        sort_order: place,
        is_featured: spec.required,
    }
}

fn output(place: usize, spec: &OutputSpec) -> OutputResponse {
    OutputResponse {
        name: spec.name.clone(),
        display_name: spec.display_name.clone(),
        description: spec.description.clone(),
        variable_type_code: spec.output_type.as_str(),
        sort_order: place,
    }
}
