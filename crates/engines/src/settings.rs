//! From the settings of a model file to an engine.
//!
//! Each engine reads the table of its own settings; what the tables of all
//! models have in common is read before, and `${NAME}` is replaced by then.

use std::sync::Arc;

use runnel_egress::Egress;
use runnel_types::words;

use crate::engine::Engine;

/// How an engine is made: as [`build`] does it.
pub type Build = fn(&str, &str, &toml::Table, &Egress) -> Result<Arc<dyn Engine>, BadSetting>;

/// The engines that a model file may name, beside `builtin`.
pub const ENGINES: &[&str] = &[];

/// A setting with which an engine cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct BadSetting {
    /// Where it is in the engine's table, dotted: `url`, `headers.authorization`.
    pub key: String,
    /// What is wrong and what would be right; not the value, which may be secret.
    pub message: String,
}

impl BadSetting {
    /// A setting with which an engine cannot work.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Makes the engine called `engine` for `model`; `*` stands for all models that
/// are not in the catalogue.
///
/// # Errors
/// The first setting with which the engine cannot work.
pub fn build(
    engine: &str,
    _model: &str,
    _table: &toml::Table,
    _door: &Egress,
) -> Result<Arc<dyn Engine>, BadSetting> {
    Err(BadSetting::new("engine", words::none_of(ENGINES, engine)))
}
