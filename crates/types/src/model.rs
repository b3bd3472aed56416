//! Models: what can be run, with the inputs each declares.

use crate::id::ModelId;
use crate::text_enum::text_enum;

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
    pub default: Option<serde_json::Value>,
    /// The smallest number, or the fewest characters of a text.
    pub min: Option<f64>,
    /// The greatest number, or the most characters of a text.
    pub max: Option<f64>,
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
    /// How long one execution may take, in seconds.
    pub time_limit_s: u64,
    /// How many executions a run is given when workers die under it.
    pub max_attempts: u32,
}
