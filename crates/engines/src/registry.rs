//! Which models there are, and which engine runs each.

use std::collections::BTreeMap;
use std::sync::Arc;

use runnel_types::ModelSpec;

use crate::builtin::Builtin;
use crate::engine::Engine;

/// A model and what runs it.
type Entry = (ModelSpec, Arc<dyn Engine>);

/// The catalogue: models by `owner/slug`, each with its engine.
#[derive(Debug, Clone)]
pub struct Registry {
    models: Arc<BTreeMap<String, Entry>>,
}

impl Registry {
    /// The models that ship, on `threads` threads of the CPU.
    pub fn builtin(threads: usize) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(Builtin::new(threads));
        let models = crate::builtin::catalogue::models()
            .into_iter()
            .map(|spec| (spec.model.clone(), (spec, Arc::clone(&engine))))
            .collect();
        Self {
            models: Arc::new(models),
        }
    }

    /// The model of that name and its engine.
    pub fn get(&self, model: &str) -> Option<(&ModelSpec, &Arc<dyn Engine>)> {
        self.models.get(model).map(|(spec, engine)| (spec, engine))
    }

    /// Every model, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ModelSpec> {
        self.models.values().map(|(spec, _)| spec)
    }
}
