//! The models that ship: they run on the CPU, in this process.
//!
//! Pixel work happens on blocking threads, at most `slots` at once, so that a
//! burst of runs queues up instead of taking the memory of all pictures at the
//! same time. The network's weights are part of the executable and are made
//! ready on first use: an idle server does not pay for them.

pub mod catalogue;
mod pictures;
mod sources;

use std::sync::{Arc, OnceLock};

use runnel_media::Picture;
use runnel_media::segment::{Mask, Segmenter};
use runnel_types::LogLevel;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::engine::{Engine, EngineError, Execution, InputForm, Product, Work};
use crate::registry::Entry;

/// The engine's name in a catalogue.
pub const NAME: &str = "builtin";

/// U²-Net-p; see NOTICE for its authors and licence.
const WEIGHTS: &[u8] = include_bytes!("../../../../models/u2netp.onnx");

/// The engine of the models that ship.
#[derive(Debug, Clone)]
pub struct Builtin {
    slots: Arc<Semaphore>,
    network: Arc<Network>,
}

/// The segmentation network, loaded on first use.
struct Network {
    threads: usize,
    loaded: OnceLock<Result<Segmenter, String>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Network {
    fn segmenter(&self) -> Result<&Segmenter, EngineError> {
        let load = || Segmenter::load(WEIGHTS, self.threads).map_err(|error| error.to_string());
        self.loaded.get_or_init(load).as_ref().map_err(|error| {
            EngineError::failed(format!(
                "the segmentation network cannot be loaded: {error}"
            ))
        })
    }

    /// Finds the subject of a picture.
    fn mask(&self, picture: &Picture) -> Result<Mask, EngineError> {
        self.segmenter()?
            .mask(picture)
            .map_err(|error| EngineError::failed(error.to_string()))
    }
}

impl Builtin {
    /// Makes the engine. One inference keeps `threads` cores busy, so only one
    /// picture is worked on at a time.
    pub fn new(threads: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(1)),
            network: Arc::new(Network {
                threads: threads.max(1),
                loaded: OnceLock::new(),
            }),
        }
    }
}

/// The models that ship, on `threads` threads of the CPU.
pub fn entries(threads: usize) -> Vec<Entry> {
    let engine: Arc<dyn Engine> = Arc::new(Builtin::new(threads));
    let entry = |spec| Entry {
        spec: Arc::new(spec),
        engine: Arc::clone(&engine),
    };
    catalogue::models().into_iter().map(entry).collect()
}

impl Engine for Builtin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn input_form(&self, _model: &str) -> InputForm {
        InputForm::Bytes
    }

    fn keeps_cores_busy(&self, model: &str) -> bool {
        model != catalogue::ECHO
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            if work.model == catalogue::ECHO {
                return Ok(Product {
                    output: work.input,
                    files: Vec::new(),
                });
            }
            let slots = Arc::clone(&self.slots);
            // INVARIANT: the semaphore is never closed.
            let slot = slots.acquire_owned().await.expect("the semaphore is open");
            let network = Arc::clone(&self.network);
            let working = tokio::task::spawn_blocking(move || {
                // The slot goes with the thread: when the caller has given up,
                // the core is still busy until the thread ends.
                let _slot = slot;
                if work.reporter.is_cancelled() {
                    return Err(EngineError::cancelled());
                }
                work.reporter
                    .log(LogLevel::Info, format!("working on {}", work.model));
                pictures::run(&network, &work)
            });
            working.await.unwrap_or_else(|_| {
                Err(EngineError::failed(
                    "the model stopped with a defect; the server's log says where",
                ))
            })
        })
    }

    fn check(&self, model: &str, input: &Map<String, Value>) -> Result<(), (String, String)> {
        catalogue::check(model, input)
    }

    fn check_type(&self, _model: &str, input: &str, mime_type: &str) -> Result<(), String> {
        sources::check_type(input, mime_type)
    }
}
