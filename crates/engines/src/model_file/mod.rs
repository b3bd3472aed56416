//! The model file: which models an operator has beside those that ship.
//!
//! TOML, a table for each model. What all models have in common is read here;
//! what is left of a table belongs to the engine that it names. Everything that
//! is wrong is told at once, with line and column, and a file with mistakes
//! changes nothing: it is taken whole or not at all.
//!
//! Reading it touches nothing outside: no engine is asked whether it is there,
//! so that a server starts while its engines are still starting.

mod depth;
mod input;
mod mistake;
mod model;
pub mod name;
mod table;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use runnel_types::Timestamp;
use toml::de::{DeTable, DeValue};

use crate::engine::Engine;
use crate::registry::{Entry, Fallback};
use crate::settings::BadSetting;
use mistake::Mistakes;
use table::Reader;

pub use mistake::Mistake;
pub use variables::Variables;

/// The largest model file, in bytes.
pub const LARGEST: usize = 1024 * 1024;
/// The most models of a file.
const MOST_MODELS: usize = 1000;

/// Tells a model from what it was before.
pub type Fingerprint = [u8; 20];

/// Makes an engine from its name, its model and its settings.
pub type MakeEngine<'a> =
    &'a dyn Fn(&str, &str, &toml::Table) -> Result<Arc<dyn Engine>, BadSetting>;

/// What a file is read with.
pub struct Context<'a> {
    /// The models that ship.
    pub builtins: &'a [Entry],
    /// When the file was last changed.
    pub changed_at: Timestamp,
    /// What `${NAME}` stands for.
    pub variables: &'a Variables,
    /// The engines that a file may name.
    pub engines: &'a [&'a str],
    /// Makes an engine.
    pub build: MakeEngine<'a>,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("changed_at", &self.changed_at)
            .finish_non_exhaustive()
    }
}

/// The catalogue that a file makes: the models that ship and its own.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The models; those of the file are in the place of others of their names.
    pub models: Vec<Entry>,
    /// What runs the models that are not among them.
    pub fallback: Option<Arc<Fallback>>,
    /// What tells whether a model of the file has changed; the fallback is `*`.
    pub fingerprints: BTreeMap<String, Fingerprint>,
}

impl Catalogue {
    /// The models that ship alone.
    pub fn of(builtins: &[Entry]) -> Self {
        Self {
            models: builtins.to_vec(),
            ..Self::default()
        }
    }
}

/// Reads a model file.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn read(text: &str, context: &Context<'_>) -> Result<Catalogue, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    if let Some(at) = depth::too_deep(text) {
        let message = format!("this key has more than {} parts", depth::DEEPEST);
        mistakes.note(at, message);
        return Err(mistakes.in_text(text));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        mistakes.note(at, format!("this is no TOML: {}", error.message()));
    }
    // What could be made of a broken file would be told as wrong, and is not.
    if !errors.is_empty() {
        return Err(mistakes.in_text(text));
    }
    let catalogue = document_of(document.get_ref(), context, &mut mistakes);
    if mistakes.is_empty() {
        Ok(catalogue)
    } else {
        Err(mistakes.in_text(text))
    }
}

fn document_of(
    document: &DeTable<'_>,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Catalogue {
    let reader = Reader::new(document, "the file", 0);
    let mut catalogue = Catalogue::of(context.builtins);
    if let Some(value) = reader.get("models")
        && let Some(models) = Reader::of(value, "models", value.span().start, mistakes)
    {
        read_models(&models, context, &mut catalogue, mistakes);
    }
    if let Some(value) = reader.get("fallback")
        && let Some((key, _)) = document.get_key_value("fallback")
        && let Some((fallback, print)) = model::fallback(value, key.span().start, context, mistakes)
    {
        catalogue.fallback = Some(Arc::new(fallback));
        catalogue.fingerprints.insert("*".to_owned(), print);
    }
    reader.refuse_others(mistakes);
    catalogue
}

fn read_models(
    models: &Reader<'_, '_>,
    context: &Context<'_>,
    catalogue: &mut Catalogue,
    mistakes: &mut Mistakes,
) {
    let entries = models.others();
    if let Some((key, _)) = entries.get(MOST_MODELS) {
        let message = format!("models has more than {MOST_MODELS} entries");
        mistakes.note(key.span().start, message);
        return;
    }
    for (key, value) in entries {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        if let Some(slug) = unquoted(name, value.get_ref()) {
            let message = format!(
                "models.{name}.{slug} is a table within a table; a model's name stands between quotes: [models.\"{name}/{slug}\"]"
            );
            mistakes.note(at, message);
            continue;
        }
        if let Some((entry, print)) = model::model((name, at), value, context, mistakes) {
            catalogue.fingerprints.insert(name.to_owned(), print);
            catalogue.models.retain(|other| other.spec.model != name);
            catalogue.models.push(entry);
        }
    }
}

/// The slug in `[models.owner.slug]`, which was meant to be a name.
fn unquoted<'t>(name: &str, value: &'t DeValue<'_>) -> Option<&'t str> {
    let table = value.as_table()?;
    if name.contains('/') || table.contains_key("engine") {
        return None;
    }
    let (key, inner) = table.iter().next()?;
    inner.get_ref().is_table().then(|| key.get_ref().as_ref())
}

#[cfg(test)]
mod tests;
