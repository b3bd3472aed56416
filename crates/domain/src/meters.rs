//! What the server counts of its own work, for whoever watches it.
//!
//! Nothing here names an organization, a receiver or a file: the page is read
//! without a key. Which receiver is away, the log says.

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use runnel_types::Fault;

use crate::Services;

/// Bounds of the buckets of an attempt's duration, in seconds; ten is its limit.
const ATTEMPT_DURATIONS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Bounds of the buckets of a request's duration, in seconds; who waits for the end
/// of a run waits for a minute at most.
const REQUEST_DURATIONS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Labels of a request: its method and route, and the status of its answer.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// One label of few values.
type Label = [(&'static str, &'static str); 1];

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
    request_durations: Family<Labels<1>, Histogram, fn() -> Histogram>,
    attempts: Family<Label, Counter>,
    attempt_durations: Histogram,
    receivers: Family<Label, Gauge>,
}

impl Default for Meters {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("runnel");
        let requests = Family::default();
        registry.register(
            "http_requests",
            "Requests that were answered, by method, route and status",
            requests.clone(),
        );
        let buckets: fn() -> Histogram = || Histogram::new(REQUEST_DURATIONS);
        let request_durations = Family::new_with_constructor(buckets);
        registry.register(
            "http_request_duration_seconds",
            "How long requests took until their answer began, by route",
            request_durations.clone(),
        );
        let attempts = Family::default();
        registry.register(
            "callback_attempts",
            "Attempts to deliver a callback, by how they ended",
            attempts.clone(),
        );
        let attempt_durations = Histogram::new(ATTEMPT_DURATIONS);
        registry.register(
            "callback_attempt_duration_seconds",
            "How long receivers took, up to the end of their answer or of the patience with them",
            attempt_durations.clone(),
        );
        let receivers = Family::default();
        registry.register(
            "callback_receivers",
            "Receivers of callbacks that failed lately, by their circuit: failing are sent everything, open nothing, half_open one to see whether they are back",
            receivers.clone(),
        );
        Self {
            registry,
            requests,
            request_durations,
            attempts,
            attempt_durations,
            receivers,
        }
    }
}

impl Meters {
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
    /// The counters of this process as text, in the format of `OpenMetrics`.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub fn metrics(&self) -> Result<String, Fault> {
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
