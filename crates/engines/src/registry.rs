//! Which models there are, and which engine runs each.
//!
//! The catalogue may be replaced while the server works: whoever has an entry in
//! hand keeps it to the end of what it does.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use runnel_types::ModelSpec;

use crate::builtin::Builtin;
use crate::engine::Engine;

/// A model and what runs it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it takes and makes.
    pub spec: Arc<ModelSpec>,
    /// What runs it.
    pub engine: Arc<dyn Engine>,
}

/// Models by `owner/slug`, as they were at one moment.
pub type Models = BTreeMap<String, Entry>;

/// The catalogue: models by `owner/slug`, each with its engine.
#[derive(Debug, Clone)]
pub struct Registry {
    models: Arc<RwLock<Arc<Models>>>,
}

impl Registry {
    /// A catalogue of these models.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let models = Arc::new(by_name(entries));
        Self {
            models: Arc::new(RwLock::new(models)),
        }
    }

    /// The models that ship, on `threads` threads of the CPU.
    pub fn builtin(threads: usize) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(Builtin::new(threads));
        let entry = |spec| Entry {
            spec: Arc::new(spec),
            engine: Arc::clone(&engine),
        };
        Self::new(crate::builtin::catalogue::models().into_iter().map(entry))
    }

    /// The model of that name and its engine.
    pub fn get(&self, model: &str) -> Option<Entry> {
        self.models().get(model).cloned()
    }

    /// Every model as of now, by name.
    pub fn models(&self) -> Arc<Models> {
        // A writer only swaps a pointer: a poisoned lock guards whole models.
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&models)
    }

    /// Puts other models in the place of all.
    pub fn replace(&self, entries: impl IntoIterator<Item = Entry>) {
        let models = Arc::new(by_name(entries));
        *self.models.write().unwrap_or_else(PoisonError::into_inner) = models;
    }
}

fn by_name(entries: impl IntoIterator<Item = Entry>) -> Models {
    let named = |entry: Entry| (entry.spec.model.clone(), entry);
    entries.into_iter().map(named).collect()
}
