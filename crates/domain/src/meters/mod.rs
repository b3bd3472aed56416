//! What the server counts of its own work, for whoever watches it.
//!
//! Nothing here names an organization, a model, a receiver or a file: the page is
//! read without a key. Which receiver is away, the log says.

mod queue;

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use runnel_types::{Asset, Fault, Run};

use crate::Services;

/// Bounds of the buckets of an attempt's duration, in seconds; ten is its limit.
const ATTEMPT_DURATIONS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Bounds of the buckets of a request's duration, in seconds; who waits for the end
/// of a run waits for a minute at most.
const REQUEST_DURATIONS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Bounds of the buckets of how long runs wait for their engine and how long that
/// takes, in seconds.
const RUN_DURATIONS: [f64; 13] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0, 3600.0,
];

/// Labels of a request: its method and route, and the status of its answer.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// Labels of few values.
type Words<const N: usize> = [(&'static str, &'static str); N];

/// Distributions by labels, each made with the same buckets.
type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// The receiver has it.
    Succeeded,
    /// Another attempt follows.
    Retried,
    /// It was given up.
    Failed,
}

/// The counters of a process.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    request_durations: Durations<Labels<1>>,
    assets: Family<Words<1>, Counter>,
    asset_bytes: Family<Words<1>, Counter>,
    runs: Family<Words<2>, Counter>,
    run_waits: Histogram,
    run_durations: Durations<Words<1>>,
    jobs: Family<Words<1>, Gauge>,
    queue: queue::Last,
    attempts: Family<Words<1>, Counter>,
    attempt_durations: Histogram,
    receivers: Family<Words<1>, Gauge>,
}

impl Default for Meters {
    fn default() -> Self {
        let meters = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(|| Histogram::new(REQUEST_DURATIONS)),
            assets: Family::default(),
            asset_bytes: Family::default(),
            runs: Family::default(),
            run_waits: Histogram::new(RUN_DURATIONS),
            run_durations: Family::new_with_constructor(|| Histogram::new(RUN_DURATIONS)),
            jobs: Family::default(),
            queue: queue::Last::default(),
            attempts: Family::default(),
            attempt_durations: Histogram::new(ATTEMPT_DURATIONS),
            receivers: Family::default(),
        };
        Self {
            registry: meters.registered(),
            ..meters
        }
    }
}

impl Meters {
    /// All of them, under the names that they are shown by.
    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("runnel");
        registry.register(
            "http_requests",
            "Requests that were answered, by method, route and status",
            self.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "How long requests took until their answer began, by route",
            self.request_durations.clone(),
        );
        registry.register(
            "assets",
            "Assets that were made, by where they come from",
            self.assets.clone(),
        );
        registry.register(
            "asset_bytes",
            "Bytes of the assets that were made, by where they come from",
            self.asset_bytes.clone(),
        );
        registry.register(
            "runs",
            "Runs that ended, by engine and status",
            self.runs.clone(),
        );
        registry.register(
            "run_wait_seconds",
            "How long runs waited from when they were accepted until their engine began",
            self.run_waits.clone(),
        );
        registry.register(
            "run_duration_seconds",
            "How long runs took from when their engine began, by engine",
            self.run_durations.clone(),
        );
        registry.register(
            "jobs",
            "Jobs of all processes: ready is work and deliverable are callbacks that wait for a worker, working is in the hands of one, delayed is put off",
            self.jobs.clone(),
        );
        registry.register(
            "callback_attempts",
            "Attempts to deliver a callback, by how they ended",
            self.attempts.clone(),
        );
        registry.register(
            "callback_attempt_duration_seconds",
            "How long receivers took, up to the end of their answer or of the patience with them",
            self.attempt_durations.clone(),
        );
        registry.register(
            "callback_receivers",
            "Receivers of callbacks that failed lately, by their circuit: failing are sent everything, open nothing, half_open one to see whether they are back",
            self.receivers.clone(),
        );
        registry
    }

    /// Counts a request that was answered after so long. Method and route are to be
    /// of the few that the server knows, not what a client sent.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = Cow::<str>::Owned(route.to_owned());
        let labels = [
            ("method", method.into()),
            ("route", route.clone()),
            ("status", status.to_string().into()),
        ];
        self.requests.get_or_create(&labels).inc();
        let durations = self.request_durations.get_or_create(&[("route", route)]);
        durations.observe(took.as_secs_f64());
    }

    /// Counts an asset whose row is committed.
    pub(crate) fn stored(&self, asset: &Asset) {
        let source = [("source", asset.source_type.as_str())];
        self.assets.get_or_create(&source).inc();
        let bytes = self.asset_bytes.get_or_create(&source);
        bytes.inc_by(asset.size_bytes);
    }

    /// Counts a run whose engine begins for the first time.
    pub(crate) fn began(&self, run: &Run) {
        if let Some(began_at) = run.started_at {
            let waited = began_at.since(run.created_at);
            self.run_waits.observe(waited.as_secs_f64());
        }
    }

    /// Counts a run whose end is committed.
    fn ended(&self, engine: &'static str, run: &Run) {
        let labels = [("engine", engine), ("status", run.status.as_str())];
        self.runs.get_or_create(&labels).inc();
        if let (Some(began_at), Some(ended_at)) = (run.started_at, run.completed_at) {
            let durations = self.run_durations.get_or_create(&[("engine", engine)]);
            durations.observe(ended_at.since(began_at).as_secs_f64());
        }
    }

    /// Counts an attempt that took so long.
    pub(crate) fn attempted(&self, outcome: Attempted, took: Duration) {
        let outcome = match outcome {
            Attempted::Succeeded => "succeeded",
            Attempted::Retried => "retried",
            Attempted::Failed => "failed",
        };
        self.attempts.get_or_create(&[("outcome", outcome)]).inc();
        self.attempt_durations.observe(took.as_secs_f64());
    }
}

impl Services {
    /// Counts a run whose end is committed, by whoever ended it.
    pub(crate) fn count_end(&self, run: &Run) {
        let engine = self.model(&run.model);
        let engine = engine.map_or("none", |entry| entry.engine.name());
        self.meters.ended(engine, run);
    }

    /// The counters of this process as text, in the format of `OpenMetrics`. What
    /// the database does not tell just now is left out.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub async fn metrics(&self) -> Result<String, Fault> {
        self.count_jobs().await;
        let counts = self.circuits.counts(self.now());
        for (circuit, count) in [
            ("failing", counts.failing),
            ("open", counts.open),
            ("half_open", counts.half_open),
        ] {
            let gauge = self.meters.receivers.get_or_create(&[("circuit", circuit)]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        encode(&mut text, &self.meters.registry).map_err(Fault::internal)?;
        Ok(text)
    }
}
