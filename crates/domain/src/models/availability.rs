//! Whether the engine behind a model could work now, as the catalogue tells it.
//!
//! Engines are asked when somebody reads the catalogue, at most once in a while
//! and for a short time; in between the last answer stands. Whoever comes while
//! an engine is being asked gets the last answer too. Runs do not look at this:
//! one whose engine is away waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use runnel_engines::Entry;
use runnel_types::Timestamp;

use crate::Services;

/// For how long an answer stands.
const STANDS: Duration = Duration::from_secs(15);

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many engines are asked at once.
const AT_ONCE: usize = 32;

/// What engines answered last, by model.
#[derive(Debug, Default)]
pub struct Availability(Mutex<HashMap<String, Answer>>);

#[derive(Debug, Clone, Copy)]
struct Answer {
    asked_at: Timestamp,
    is_available: bool,
}

impl Availability {
    /// Whether the model is to be asked about, which is then as good as done.
    fn take_turn(&self, model: &str, now: Timestamp) -> bool {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answers.get_mut(model) {
            Some(answer) if answer.asked_at.plus(STANDS) > now => false,
            Some(answer) => {
                answer.asked_at = now;
                true
            }
            None => {
                let answer = Answer {
                    asked_at: now,
                    // Until it answers it is taken to be there.
                    is_available: true,
                };
                answers.insert(model.to_owned(), answer);
                true
            }
        }
    }

    fn note(&self, model: &str, is_available: bool) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get_mut(model) {
            answer.is_available = is_available;
        }
    }

    fn of(&self, model: &str) -> bool {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(model).is_none_or(|answer| answer.is_available)
    }

    /// Forgets models that the catalogue has no more.
    fn keep(&self, is_known: impl Fn(&str) -> bool) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|model, _| is_known(model));
    }
}

impl Services {
    /// Whether the engine of each model could work now, in their order.
    ///
    /// # Cancel safety
    /// Dropping the future leaves those not asked yet with their last answer.
    pub(super) async fn availability_of(&self, entries: &[Entry]) -> Vec<bool> {
        let now = self.now();
        let models = self.models.models();
        self.availability.keep(|model| models.contains_key(model));
        let mut due = Vec::new();
        for entry in entries {
            if self.availability.take_turn(&entry.spec.model, now) {
                due.push(self.ask(entry.clone()));
            }
        }
        let mut asking = stream::iter(due).buffer_unordered(AT_ONCE);
        while asking.next().await.is_some() {}
        let answer = |entry: &Entry| self.availability.of(&entry.spec.model);
        entries.iter().map(answer).collect()
    }

    async fn ask(&self, entry: Entry) {
        let model = &entry.spec.model;
        let found = match tokio::time::timeout(PATIENCE, entry.engine.probe()).await {
            Ok(found) => found,
            Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        if let Err(reason) = &found {
            tracing::debug!(model, reason, "an engine is away");
        }
        self.availability.note(model, found.is_ok());
    }
}
