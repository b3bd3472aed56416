//! Models: what can be run, with the inputs each declares.

mod value;

use serde_json::Value;

use crate::id::ModelId;
use crate::list::{Field, FieldKind, Listed};
use crate::text_enum::text_enum;
use crate::time::Timestamp;

pub use value::BadValue;

text_enum! {
    /// The type of a model's input or output.
    InputType {
        /// A picture: a URL, a `data:` URI or a reference to an asset.
        Image = "image",
        /// Several pictures.
        ImageList = "image_list",
        /// A video, given as a picture is.
        Video = "video",
        /// Text.
        String = "string",
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "number",
        /// True or false.
        Boolean = "boolean",
        /// Any JSON.
        Json = "json",
        /// A colour, `#rrggbb`.
        Color = "color",
    }
}

/// An input that a model declares.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Its key in a run's `input`.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it does.
    pub description: String,
    /// Its type.
    pub input_type: InputType,
    /// Whether a run without it is refused.
    pub required: bool,
    /// What is used when it is left out.
    pub default: Option<Value>,
    /// The smallest number, the fewest characters of a text, or the fewest items
    /// of a list.
    pub min: Option<f64>,
    /// The greatest number, the most characters of a text, or the most items of
    /// a list.
    pub max: Option<f64>,
    /// The only values that it may have; any when empty.
    pub options: Vec<Value>,
    /// Whether a text refers to a file that is neither picture nor video, such
    /// as an archive.
    pub is_file: bool,
}

impl InputSpec {
    /// An optional input without limits, named for people as for programs.
    pub fn new(name: impl Into<String>, input_type: InputType) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            description: String::new(),
            input_type,
            required: false,
            default: None,
            min: None,
            max: None,
            options: Vec::new(),
            is_file: false,
        }
    }

    /// How its value refers to a file, when it does.
    pub fn reference_form(&self) -> Option<ReferenceForm> {
        match self.input_type {
            InputType::String if is_asset_key(&self.name) => Some(ReferenceForm::Id),
            InputType::String if self.is_file => Some(ReferenceForm::Url),
            InputType::Image | InputType::Video => Some(ReferenceForm::Url),
            InputType::ImageList => Some(ReferenceForm::Urls),
            _ => None,
        }
    }
}

/// Whether a text under this key of an input is the id of an asset, declared or
/// not. SPEC: media.md, "Media by reference in a run's `input`".
pub fn is_asset_key(key: &str) -> bool {
    key == "asset_id" || key.ends_with("_asset_id")
}

/// How the value of an input refers to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceForm {
    /// The id of an asset, or a `runflow://assets/…` reference.
    Id,
    /// A URL, a `data:` URI or a reference.
    Url,
    /// A list of them.
    Urls,
}

/// An output that a model declares.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    /// Its key in a run's `output`.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is.
    pub description: String,
    /// Its type.
    pub output_type: InputType,
}

/// A model of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// Its id; fixed for a model that ships.
    pub id: ModelId,
    /// `owner/slug`; the slug may have several segments.
    pub model: String,
    /// Its name for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Its inputs, in the order in which a person would fill them in.
    pub inputs: Vec<InputSpec>,
    /// Sets of inputs of which at least one must be given.
    pub one_of: Vec<Vec<String>>,
    /// Its outputs.
    pub outputs: Vec<OutputSpec>,
    /// Whether inputs that are not declared are passed on as they are.
    pub is_open: bool,
    /// What runs it, as a model file names it: `builtin`, `http`, ….
    pub engine: String,
    /// How many of its runs may be at work at once, across all processes; no
    /// limit when there is none.
    pub concurrency: Option<u32>,
    /// How long one execution may take, in seconds.
    pub time_limit_s: u64,
    /// How many executions a run is given, when workers die under it and when
    /// its engine fails in a way that another try may mend.
    pub max_attempts: u32,
    /// What else a list of models tells.
    pub about: ModelAbout,
}

/// What is told of a model beyond what it takes to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAbout {
    /// The kind of work that it does, such as `background`.
    pub category: Option<String>,
    /// Under which licence it is.
    pub license: Option<String>,
    /// When it was added, as far as that is known.
    pub created_at: Timestamp,
    /// When it was last changed, as far as that is known.
    pub updated_at: Timestamp,
}

impl ModelAbout {
    /// Nothing but when the model came.
    pub const fn since(instant: Timestamp) -> Self {
        Self {
            category: None,
            license: None,
            created_at: instant,
            updated_at: instant,
        }
    }
}

impl Default for ModelAbout {
    /// Nothing is known of it.
    fn default() -> Self {
        Self::since(Timestamp::from_micros(0))
    }
}

impl ModelSpec {
    /// What follows the owner in its name.
    pub fn slug(&self) -> &str {
        self.model
            .split_once('/')
            .map_or(self.model.as_str(), |(_, slug)| slug)
    }
}

impl Listed for ModelSpec {
    const LIST: &'static str = "models";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("model", FieldKind::Text),
        Field::new("slug", FieldKind::Text),
        Field::new("name", FieldKind::Text),
        Field::new("description", FieldKind::Text).unsortable(),
        Field::new("version", FieldKind::Text),
        Field::new("category_code", FieldKind::Text).nullable(),
        Field::new("license_code", FieldKind::Text).nullable(),
        Field::new("engine", FieldKind::Text),
        Field::new("status_code", FieldKind::Word(&["active"])),
        Field::new("created_at", FieldKind::Time),
        Field::new("updated_at", FieldKind::Time),
    ];
    const SHORTCUTS: &'static [&'static str] = &["category_code", "engine"];
}
