//! The trait of all engines: resolved input in, files and values out.
//!
//! What may be cancelled where: `execute` is raced against the run's time limit
//! and its cancellation by the caller, who drops the future. An engine that
//! works on threads of its own looks at [`Reporter::is_cancelled`] between
//! steps, so that a dropped future does not leave a core busy for long.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use runnel_types::{LogLevel, RunId};

/// A file of a run's input, whole in memory.
#[derive(Clone)]
pub struct InputFile {
    /// Its type, as found in its bytes.
    pub mime_type: String,
    /// Its name, for people.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputFile")
            .field("mime_type", &self.mime_type)
            .field("name", &self.name)
            .field("size_bytes", &self.bytes.len())
            .finish()
    }
}

/// What an engine is asked to do.
#[derive(Debug)]
pub struct Work {
    /// The run, for an engine that names its own jobs after it.
    pub run_id: RunId,
    /// The model, `owner/slug`.
    pub model: String,
    /// The input as checked, with defaults filled in.
    pub input: Map<String, Value>,
    /// The files that the input refers to, by the input's name.
    pub files: BTreeMap<String, InputFile>,
    /// Where to tell how it goes.
    pub reporter: Reporter,
}

/// A file that an engine made.
#[derive(Debug)]
pub struct OutputFile {
    /// The name that the asset gets.
    pub name: String,
    /// Its bytes; the type is read from them.
    pub bytes: Vec<u8>,
}

/// What an engine made. Files stand in the output under `files_key`, as a list.
#[derive(Debug, Default)]
pub struct Product {
    /// The key of the output under which the files' references are listed.
    pub files_key: &'static str,
    /// The files, in order.
    pub files: Vec<OutputFile>,
    /// Everything else in the output.
    pub values: Map<String, Value>,
}

/// What kind of thing went wrong in an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// The model cannot work with this input; trying again would not help.
    InvalidInput,
    /// The engine failed.
    Failed,
    /// The engine is away.
    Unavailable,
    /// Somebody asked for the work to stop.
    Cancelled,
}

/// Why an engine has no product.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of thing went wrong.
    pub kind: EngineErrorKind,
    /// What went wrong and what to do, for the person who made the run.
    pub message: String,
}

impl EngineError {
    /// The model cannot work with this input.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self {
            kind: EngineErrorKind::InvalidInput,
            message: message.into(),
        }
    }

    /// The engine failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            kind: EngineErrorKind::Failed,
            message: message.into(),
        }
    }

    /// Somebody asked for the work to stop.
    pub fn cancelled() -> Self {
        Self {
            kind: EngineErrorKind::Cancelled,
            message: "the run was cancelled".to_owned(),
        }
    }
}

/// Something an engine tells while it works.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// How far it is, from 0 to 1.
    Progress(f64),
    /// A line for the run's log.
    Log(LogLevel, String),
}

/// Where an engine tells how it goes, and learns that it should stop.
#[derive(Debug, Clone)]
pub struct Reporter {
    reports: mpsc::Sender<Report>,
    cancelled: CancellationToken,
}

impl Reporter {
    /// Makes a reporter, and the receiving end of its reports.
    pub fn new(cancelled: CancellationToken) -> (Self, mpsc::Receiver<Report>) {
        // A reader that is behind costs reports, never the work's speed: what
        // does not fit is dropped, and the next report brings it up to date.
        let (reports, receiver) = mpsc::channel(64);
        (Self { reports, cancelled }, receiver)
    }

    /// Tells how far the work is, from 0 to 1.
    pub fn progress(&self, fraction: f64) {
        let _ = self
            .reports
            .try_send(Report::Progress(fraction.clamp(0.0, 1.0)));
    }

    /// Writes a line to the run's log.
    pub fn log(&self, level: LogLevel, message: impl Into<String>) {
        let _ = self.reports.try_send(Report::Log(level, message.into()));
    }

    /// Whether the work should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }
}

/// What `execute` returns.
pub type Execution<'a> = Pin<Box<dyn Future<Output = Result<Product, EngineError>> + Send + 'a>>;

/// A way to run models.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Its name, as in a model file.
    fn name(&self) -> &'static str;

    /// Does the work.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the work; nothing outside the engine has
    /// changed by then.
    fn execute(&self, work: Work) -> Execution<'_>;

    /// Checks an input beyond what its declared types say, before the run is
    /// accepted. The message goes to the field named with it.
    ///
    /// # Errors
    /// The name of the wrong input, and what is wrong with it.
    fn check(&self, model: &str, input: &Map<String, Value>) -> Result<(), (String, String)>;

    /// Checks the type of a file that an input refers to, before the run is
    /// accepted.
    ///
    /// # Errors
    /// What is wrong with it, and which types to give instead.
    fn check_type(&self, model: &str, mime_type: &str) -> Result<(), String>;
}
