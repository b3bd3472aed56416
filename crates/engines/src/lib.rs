//! Models and the ways to run them.
//!
//! [`Engine`] is what every way of running a model offers; [`Registry`] knows
//! which model runs on which engine. An engine gets its inputs resolved to
//! bytes or URLs and hands back bytes: it knows nothing of assets, rows or HTTP
//! routes.

pub mod builtin;
pub mod cog;
pub mod comfyui;
pub mod engine;
pub mod http;
pub mod model_file;
pub mod registry;
mod remote;
pub mod runflow;
pub mod settings;

pub use engine::{
    Engine, EngineError, EngineErrorKind, InputContent, InputFile, InputForm, OutputContent,
    OutputFile, Product, Reporter, Work,
};
pub use registry::{Entry, Fallback, Registry};
pub use settings::BadSetting;
