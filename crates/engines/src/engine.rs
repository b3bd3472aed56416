//! The trait of all engines: resolved input in, files and values out.
//!
//! What may be cancelled where: the caller races `execute` against the run's time
//! limit, its cancellation and the stop of the server. It tells through the
//! [`Reporter`] that the work should stop, gives the engine a few seconds to call
//! off what it started elsewhere, and then drops the future. An engine that works
//! on threads of its own looks at [`Reporter::is_cancelled`] between steps, so
//! that a dropped future does not leave a core busy for long.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use runnel_types::{LogLevel, RunId};

/// A file of a run's input.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Its type, as found in its bytes.
    pub mime_type: String,
    /// Its name, for people.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its bytes, or where they are; see [`Engine::input_form`].
    pub content: InputContent,
}

/// How an engine gets a file.
#[derive(Clone)]
pub enum InputContent {
    /// Whole in memory.
    Bytes(Vec<u8>),
    /// At a signed URL that works for as long as the run may take.
    Url(String),
}

impl fmt::Debug for InputContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither pictures nor signatures belong in a log.
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Url(_) => f.write_str("Url"),
        }
    }
}

/// In which form an engine wants the files of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputForm {
    /// As [`InputContent::Bytes`].
    Bytes,
    /// As [`InputContent::Url`].
    Url,
}

/// What an engine is asked to do.
#[derive(Debug)]
pub struct Work {
    /// The run, for an engine that names its own jobs after it.
    pub run_id: RunId,
    /// Which execution of the run this is, from 1.
    pub attempt: u32,
    /// The model, `owner/slug`.
    pub model: String,
    /// The input as checked, with defaults filled in. Where it refers to files
    /// it holds references that mean nothing outside; see [`Work::input_with`].
    pub input: Map<String, Value>,
    /// The files that the input refers to, by the place of the reference:
    /// `image_url`, `images.0`, `scene.layers.2.picture`. The reference itself
    /// is a string there.
    pub files: BTreeMap<String, InputFile>,
    /// Where to tell how it goes.
    pub reporter: Reporter,
}

impl Work {
    /// The input with each reference to a file replaced by what `write` makes
    /// of the file.
    pub fn input_with(&self, mut write: impl FnMut(&InputFile) -> Value) -> Map<String, Value> {
        let mut input = self.input.clone();
        for (name, value) in &mut input {
            self.write_files(name, value, &mut write);
        }
        input
    }

    /// Goes by place and not by pointer, since a key may have a dot in it.
    fn write_files(
        &self,
        place: &str,
        value: &mut Value,
        write: &mut impl FnMut(&InputFile) -> Value,
    ) {
        match value {
            Value::String(_) => {
                if let Some(file) = self.files.get(place) {
                    *value = write(file);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.write_files(&format!("{place}.{index}"), item, write);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.write_files(&format!("{place}.{name}"), field, write);
                }
            }
            _ => {}
        }
    }
}

/// The bytes of an output that are still to come. Nothing is asked for before
/// the first is polled.
pub type OutputStream = BoxStream<'static, Result<Bytes, EngineError>>;

/// A file that an engine made.
#[derive(Debug)]
pub struct OutputFile {
    /// Where the reference to it belongs in the output, as a JSON pointer to a
    /// value that is there: `/image_urls/0`.
    pub pointer: String,
    /// The name that the asset gets.
    pub name: String,
    /// Its bytes; the type is read from them.
    pub content: OutputContent,
}

/// The bytes of an output.
pub enum OutputContent {
    /// Whole in memory.
    Bytes(Vec<u8>),
    /// As they come from wherever the engine left them.
    Stream(OutputStream),
}

impl fmt::Debug for OutputContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// What an engine made.
#[derive(Debug, Default)]
pub struct Product {
    /// The output, with a value of any kind (null will do) wherever a file is
    /// to be referred to.
    pub output: Map<String, Value>,
    /// The files.
    pub files: Vec<OutputFile>,
}

impl Product {
    /// An output of files alone, listed under `key`.
    pub fn of_files(key: &str, files: Vec<(String, OutputContent)>) -> Self {
        let holes = vec![Value::Null; files.len()];
        let file = |(index, (name, content))| OutputFile {
            pointer: format!("/{key}/{index}"),
            name,
            content,
        };
        Self {
            output: Map::from_iter([(key.to_owned(), Value::Array(holes))]),
            files: files.into_iter().enumerate().map(file).collect(),
        }
    }
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
    /// The engine has no room now; the run goes back to the queue and nothing is
    /// counted against it.
    Busy,
    /// What the engine made cannot be used.
    OutputInvalid,
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
    /// Whether the same work may end better when it is tried again.
    pub is_passing: bool,
    /// When the engine asked to be tried again, if it did.
    pub retry_after: Option<Duration>,
}

impl EngineError {
    /// An error that another try would not mend.
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            is_passing: false,
            retry_after: None,
        }
    }

    /// The model cannot work with this input.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::InvalidInput, message)
    }

    /// The engine failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Failed, message)
    }

    /// The engine is away; trying again is worth it.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Unavailable, message).passing()
    }

    /// The engine has no room now.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Busy, message).passing()
    }

    /// What the engine made cannot be used.
    pub fn output_invalid(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::OutputInvalid, message)
    }

    /// Somebody asked for the work to stop.
    pub fn cancelled() -> Self {
        Self::new(EngineErrorKind::Cancelled, "the run was cancelled")
    }

    /// The same error, as one that another try may mend.
    #[must_use]
    pub fn passing(self) -> Self {
        Self {
            is_passing: true,
            ..self
        }
    }

    /// The same error, with the time after which the engine wants another try.
    #[must_use]
    pub fn after(self, pause: Option<Duration>) -> Self {
        Self {
            retry_after: pause,
            ..self
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

    /// Resolves when the work should stop.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}

/// What `execute` returns.
pub type Execution<'a> = Pin<Box<dyn Future<Output = Result<Product, EngineError>> + Send + 'a>>;

/// What `probe` returns.
pub type Probe<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A way to run models.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Its name, as in a model file.
    fn name(&self) -> &'static str;

    /// In which form it wants the files of an input.
    fn input_form(&self, model: &str) -> InputForm;

    /// Does the work.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the work; nothing outside the engine has
    /// changed by then.
    fn execute(&self, work: Work) -> Execution<'_>;

    /// Whether a run of the model keeps cores of this process busy. Such runs stay
    /// in the queue, where another process may take them, until they can be
    /// worked on; the others mostly wait for somebody else.
    fn keeps_cores_busy(&self, _model: &str) -> bool {
        false
    }

    /// Asks whether it could work now, for those who read the catalogue.
    ///
    /// # Errors
    /// Why it could not.
    fn probe(&self) -> Probe<'_> {
        Box::pin(async { Ok(()) })
    }

    /// Checks an input beyond what its declared types say, before the run is
    /// accepted. The message goes to the field named with it.
    ///
    /// # Errors
    /// The name of the wrong input, and what is wrong with it.
    fn check(&self, _model: &str, _input: &Map<String, Value>) -> Result<(), (String, String)> {
        Ok(())
    }

    /// Checks the type of a file to which `input` refers, before the run is
    /// accepted.
    ///
    /// # Errors
    /// What is wrong with it, and which types to give instead.
    fn check_type(&self, _model: &str, _input: &str, _mime_type: &str) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_replaced_where_they_stand() {
        let file = |name: &str| InputFile {
            mime_type: "image/png".to_owned(),
            name: name.to_owned(),
            size_bytes: 1,
            content: InputContent::Bytes(vec![0]),
        };
        let input = json!({
            "a": "r", "list": ["r", "kept"], "deep": {"of": [{"it": "r"}]}, "x.y": {"z/~": "r"},
        });
        let (reporter, _reports) = Reporter::new(CancellationToken::new());
        let work = Work {
            run_id: RunId::from_u128(1),
            attempt: 1,
            model: "a/b".to_owned(),
            input: input.as_object().unwrap().clone(),
            files: BTreeMap::from([
                ("a".to_owned(), file("1")),
                ("list.0".to_owned(), file("2")),
                ("deep.of.0.it".to_owned(), file("3")),
                ("x.y.z/~".to_owned(), file("4")),
                ("gone".to_owned(), file("5")),
            ]),
            reporter,
        };
        let told = work.input_with(|file| json!(file.name));
        assert_eq!(
            Value::Object(told),
            json!({
                "a": "1", "list": ["2", "kept"], "deep": {"of": [{"it": "3"}]}, "x.y": {"z/~": "4"},
            })
        );
    }

    #[test]
    fn files_alone_stand_in_order() {
        let bytes = |byte| OutputContent::Bytes(vec![byte]);
        let product = Product::of_files(
            "image_urls",
            vec![("a".to_owned(), bytes(1)), ("b".to_owned(), bytes(2))],
        );
        let output = Value::Object(product.output);
        for file in &product.files {
            assert_eq!(output.pointer(&file.pointer), Some(&Value::Null));
        }
        assert_eq!(product.files[1].pointer, "/image_urls/1");
    }
}
