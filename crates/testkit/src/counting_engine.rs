//! An engine that counts what it is asked to do, and holds it as long as a test wants.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use runnel_domain::Services;
use runnel_engines::engine::Execution;
use runnel_engines::{Engine, EngineError, Entry, InputForm, Product, Work};
use runnel_types::{ModelSpec, RunId};
use tokio::sync::Semaphore;

/// Answers with its input, like `runnel/echo`, and remembers every execution.
#[derive(Debug)]
pub struct CountingEngine {
    executions: Mutex<HashMap<(RunId, u32), usize>>,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
    /// Executions that may end; none of them waits when there is no gate.
    gate: Option<Semaphore>,
    keeps_cores_busy: bool,
}

impl CountingEngine {
    /// One that ends at once.
    pub fn open() -> Arc<Self> {
        Self::with(None, false)
    }

    /// One that holds each execution until [`CountingEngine::let_through`].
    pub fn gated() -> Arc<Self> {
        Self::with(Some(Semaphore::new(0)), false)
    }

    /// One that holds, and whose models keep the cores of the process busy.
    pub fn gated_on_cores() -> Arc<Self> {
        Self::with(Some(Semaphore::new(0)), true)
    }

    fn with(gate: Option<Semaphore>, keeps_cores_busy: bool) -> Arc<Self> {
        Arc::new(Self {
            executions: Mutex::default(),
            at_work: AtomicUsize::new(0),
            most_at_work: AtomicUsize::new(0),
            gate,
            keeps_cores_busy,
        })
    }

    /// Lets so many executions end.
    pub fn let_through(&self, count: usize) {
        if let Some(gate) = &self.gate {
            gate.add_permits(count);
        }
    }

    /// How many executions are at work.
    pub fn at_work(&self) -> usize {
        self.at_work.load(Ordering::SeqCst)
    }

    /// How many were at work at once at most.
    pub fn most_at_work(&self) -> usize {
        self.most_at_work.load(Ordering::SeqCst)
    }

    /// How many executions were begun.
    pub fn begun(&self) -> usize {
        self.executions.lock().unwrap().values().sum()
    }

    /// The attempts that were executed more than once: there must be none.
    pub fn repeated(&self) -> Vec<(RunId, u32)> {
        let executions = self.executions.lock().unwrap();
        let repeated = executions.iter().filter(|(_, times)| **times > 1);
        repeated.map(|(attempt, _)| *attempt).collect()
    }

    /// Adds a model that this engine runs to a server's catalogue.
    pub fn add_to(self: &Arc<Self>, services: &Services, model: &str, concurrency: Option<u32>) {
        let models = services.models.models();
        let echo = &models["runnel/echo"].spec;
        let spec = ModelSpec {
            id: services.ids.next(),
            model: model.to_owned(),
            engine: "counting".to_owned(),
            concurrency,
            ..ModelSpec::clone(echo)
        };
        let new = Entry {
            spec: Arc::new(spec),
            engine: Arc::<Self>::clone(self),
        };
        let others = models.values().filter(|entry| entry.spec.model != model);
        services
            .models
            .replace(others.cloned().chain(std::iter::once(new)));
    }
}

/// Counts down when an execution ends, and when it is dropped.
struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine for CountingEngine {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        InputForm::Bytes
    }

    fn keeps_cores_busy(&self, _model: &str) -> bool {
        self.keeps_cores_busy
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let attempt = (work.run_id, work.attempt);
            *self.executions.lock().unwrap().entry(attempt).or_default() += 1;
            let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
            let _at_work = AtWork(&self.at_work);
            self.most_at_work.fetch_max(now, Ordering::SeqCst);
            // Others get to run, so that what could overlap does.
            tokio::task::yield_now().await;
            if let Some(gate) = &self.gate {
                let passed = gate.acquire().await;
                passed
                    .map_err(|closed| EngineError::failed(closed.to_string()))?
                    .forget();
            }
            Ok(Product {
                output: work.input,
                files: Vec::new(),
            })
        })
    }
}
