//! Which models there are, and which engine runs each.
//!
//! The catalogue may be replaced while the server works: whoever has an entry in
//! hand keeps it to the end of what it does. A name that is not in the catalogue
//! may be taken by a [`Fallback`], an engine that knows models of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use runnel_types::ModelSpec;

use crate::builtin;
use crate::engine::Engine;
use crate::model_file::name;

/// A model and what runs it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it takes and makes.
    pub spec: Arc<ModelSpec>,
    /// What runs it.
    pub engine: Arc<dyn Engine>,
}

/// What runs the models that are not in the catalogue.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// What all of them have in common; their names are put into it.
    pub spec: ModelSpec,
    /// Whose models are passed on; everybody's when empty.
    pub owners: Vec<String>,
    /// What runs them.
    pub engine: Arc<dyn Engine>,
}

impl Fallback {
    fn entry(&self, model: &str) -> Option<Entry> {
        let (owner, slug) = name::check(model).ok()?;
        if !self.owners.is_empty() && !self.owners.iter().any(|known| known == owner) {
            return None;
        }
        let spec = ModelSpec {
            id: name::id(model),
            model: model.to_owned(),
            name: slug.to_owned(),
            ..self.spec.clone()
        };
        Some(Entry {
            spec: Arc::new(spec),
            engine: Arc::clone(&self.engine),
        })
    }
}

/// Models by `owner/slug`, as they were at one moment.
pub type Models = BTreeMap<String, Entry>;

/// The catalogue: models by `owner/slug`, each with its engine.
#[derive(Debug, Clone)]
pub struct Registry {
    held: Arc<RwLock<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    models: Arc<Models>,
    fallback: Option<Arc<Fallback>>,
}

impl Registry {
    /// A catalogue of these models.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let held = Held {
            models: Arc::new(by_name(entries)),
            fallback: None,
        };
        Self {
            held: Arc::new(RwLock::new(held)),
        }
    }

    /// The models that ship, on `threads` threads of the CPU.
    pub fn builtin(threads: usize) -> Self {
        Self::new(builtin::entries(threads))
    }

    /// The model of that name and its engine, be it that of the fallback.
    pub fn get(&self, model: &str) -> Option<Entry> {
        let held = self.held();
        held.models
            .get(model)
            .cloned()
            .or_else(|| held.fallback.as_ref()?.entry(model))
    }

    /// Every model of the catalogue as of now, by name.
    pub fn models(&self) -> Arc<Models> {
        self.held().models
    }

    /// Puts other models in the place of all.
    pub fn replace(&self, entries: impl IntoIterator<Item = Entry>) {
        self.replace_all(entries, None);
    }

    /// The same, and what is not among them goes to `fallback`.
    pub fn replace_all(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        fallback: Option<Arc<Fallback>>,
    ) {
        let held = Held {
            models: Arc::new(by_name(entries)),
            fallback,
        };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    fn held(&self) -> Held {
        // A writer only swaps pointers: a poisoned lock guards whole models.
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }
}

fn by_name(entries: impl IntoIterator<Item = Entry>) -> Models {
    let named = |entry: Entry| (entry.spec.model.clone(), entry);
    entries.into_iter().map(named).collect()
}
