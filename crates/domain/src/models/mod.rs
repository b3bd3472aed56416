//! Models: found by name, and a run's input checked against what they declare.

mod schema;

use runnel_engines::Entry;
use runnel_types::Fault;

pub(crate) use schema::check_input;

use crate::Services;

impl Services {
    /// The model called `owner/slug`, with its engine.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub fn model(&self, name: &str) -> Result<Entry, Fault> {
        self.models.get(name).ok_or_else(|| {
            let models = self.models.models();
            let known: Vec<&str> = models.keys().map(String::as_str).collect();
            // A path may be long; enough of it to recognise it is enough.
            let name: String = name.chars().take(200).collect();
            let message = format!(
                "there is no model {name:?}; the models are {}",
                known.join(", ")
            );
            Fault::not_found("MODEL_NOT_FOUND", message)
        })
    }
}
