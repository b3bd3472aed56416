//! An engine that does what the test says, one execution after the other.

use std::sync::Arc;
use std::time::Duration;

use runnel_engines::engine::Execution;
use runnel_engines::{Engine, EngineError, Entry, InputForm, Product, Work};
use runnel_types::{InputSpec, InputType, ModelAbout, ModelId, ModelSpec};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How long a test waits for an execution before it fails.
const LIMIT: Duration = Duration::from_secs(30);

/// The strings of the engine: the model `test/puppet` does what is said here.
#[derive(Debug)]
pub struct Puppet {
    engine: Arc<Strung>,
    calls: Mutex<mpsc::UnboundedReceiver<Call>>,
}

/// An execution that waits for what the test says.
#[derive(Debug)]
pub struct Call {
    /// What the engine is asked to do; its reporter is for the test to use.
    pub work: Work,
    answer: oneshot::Sender<Result<Product, EngineError>>,
}

impl Call {
    /// Ends the execution.
    pub fn answer(self, result: Result<Product, EngineError>) {
        // Nobody listens when the future was dropped; then that is the story.
        let _ = self.answer.send(result);
    }

    /// Ends the execution with the input as output.
    pub fn succeed(self) {
        let output = self.work.input.clone();
        self.answer(Ok(Product {
            output,
            files: Vec::new(),
        }));
    }

    /// Waits until nobody waits for the execution any more.
    pub async fn dropped(&mut self) {
        let dropped = tokio::time::timeout(LIMIT, self.answer.closed()).await;
        dropped.unwrap_or_else(|_| panic!("the execution of the engine was not dropped"));
    }

    /// Waits until the engine is told to stop.
    pub async fn told_to_stop(&self) {
        let told = tokio::time::timeout(LIMIT, self.work.reporter.cancelled()).await;
        told.unwrap_or_else(|_| panic!("the engine was not told to stop"));
    }
}

impl Puppet {
    /// Its model's name.
    pub const MODEL: &'static str = "test/puppet";

    /// Where its runs are created.
    pub const RUNS: &'static str = "/v1/models/test/puppet/runs";

    /// An engine without any execution yet, that takes files as bytes.
    pub fn new() -> Self {
        Self::taking(InputForm::Bytes)
    }

    /// The same, for files in some form.
    pub fn taking(form: InputForm) -> Self {
        let (calls_in, calls) = mpsc::unbounded_channel();
        Self {
            engine: Arc::new(Strung { calls_in, form }),
            calls: Mutex::new(calls),
        }
    }

    /// Its place in a catalogue: three executions of a minute each, and an
    /// optional picture `image_url`, unless `change` says otherwise.
    pub fn entry(&self, change: impl FnOnce(&mut ModelSpec)) -> Entry {
        let mut spec = ModelSpec {
            id: ModelId::from_u128(7),
            model: Self::MODEL.to_owned(),
            name: "Puppet".to_owned(),
            description: String::new(),
            version: "1".to_owned(),
            inputs: vec![
                InputSpec::new("text", InputType::String),
                InputSpec::new("image_url", InputType::Image),
            ],
            one_of: Vec::new(),
            outputs: Vec::new(),
            is_open: false,
            engine: "puppet".to_owned(),
            concurrency: None,
            time_limit_s: 60,
            max_attempts: 3,
            about: ModelAbout::default(),
        };
        change(&mut spec);
        Entry {
            spec: Arc::new(spec),
            engine: Arc::<Strung>::clone(&self.engine),
        }
    }

    /// The next execution.
    pub async fn call(&self) -> Call {
        let mut calls = self.calls.lock().await;
        let call = tokio::time::timeout(LIMIT, calls.recv()).await;
        let call = call.unwrap_or_else(|_| panic!("the engine was not called"));
        call.unwrap()
    }

    /// Whether an execution waits that [`Puppet::call`] has not given out.
    pub async fn is_called(&self) -> bool {
        !self.calls.lock().await.is_empty()
    }
}

impl Default for Puppet {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Strung {
    calls_in: mpsc::UnboundedSender<Call>,
    form: InputForm,
}

impl Engine for Strung {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        self.form
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        let (answer, answered) = oneshot::channel();
        let is_sent = self.calls_in.send(Call { work, answer }).is_ok();
        Box::pin(async move {
            assert!(is_sent, "the test has ended");
            let let_go = |_| Err(EngineError::failed("the test let the execution go"));
            answered.await.unwrap_or_else(let_go)
        })
    }
}
