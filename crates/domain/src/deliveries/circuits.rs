//! Which receivers are away, so that what waits for one costs nothing until it is
//! back.
//!
//! After [`TRIP`] failures in a row a receiver's circuit is open: its deliveries
//! stay where they are, without an attempt that would hold a connection and use up
//! their schedule. When the pause is over one of them is let through; an answer
//! closes the circuit, another failure opens it for twice as long. A receiver is
//! an organization's view of an origin, so that nobody trips a circuit of others.
//!
//! A circuit is a process's own: it is a guess about somebody else, which each
//! makes for itself and may lose at any time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runnel_types::Timestamp;

/// Failures in a row that open a circuit.
const TRIP: u32 = 5;
/// How long it is open at first.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// How long it is open at most: what a receiver that is back is kept waiting.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Receivers that are remembered. For one more the one that failed longest ago is
/// forgotten: it is tried again.
const MOST: usize = 10_000;

/// What a receiver may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// As much as there is room for.
    All,
    /// One delivery, to see whether it is back.
    One,
    /// Nothing.
    Nothing {
        /// Something may have waited too long since it opened.
        may_be_overdue: bool,
    },
}

/// How many receivers stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CircuitCounts {
    /// Failed lately, and still sent everything.
    pub failing: usize,
    /// Sent nothing.
    pub open: usize,
    /// Sent one delivery, to see whether they are back.
    pub half_open: usize,
}

/// The receivers that failed last.
#[derive(Debug, Default)]
pub struct Circuits(Mutex<HashMap<String, Circuit>>);

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    openings: u32,
    open_until: Option<Timestamp>,
    /// When it failed last.
    failed_at: Option<Timestamp>,
    /// Nothing has waited too long, as was seen since it opened.
    none_overdue: bool,
}

impl Circuit {
    /// Whether it is open at `now`. A clock that was set back must not keep it so.
    fn is_open(&self, now: Timestamp) -> bool {
        self.open_until
            .is_some_and(|until| now < until && until <= now.plus(LONGEST_PAUSE))
    }
}

impl Circuits {
    /// What `receiver` may be sent now.
    pub(crate) fn pass(&self, receiver: &str, now: Timestamp) -> Pass {
        match self.lock().get(receiver) {
            Some(circuit) if circuit.is_open(now) => Pass::Nothing {
                may_be_overdue: !circuit.none_overdue,
            },
            Some(circuit) if circuit.open_until.is_some() => Pass::One,
            _ => Pass::All,
        }
    }

    /// Until when `receiver` may be sent nothing.
    pub(crate) fn open_until(&self, receiver: &str, now: Timestamp) -> Option<Timestamp> {
        let circuits = self.lock();
        let circuit = circuits
            .get(receiver)
            .filter(|circuit| circuit.is_open(now));
        circuit?.open_until
    }

    /// Notes that nothing has waited too long for `receiver`: until its circuit opens
    /// again nobody has to look.
    pub(crate) fn none_overdue(&self, receiver: &str) {
        if let Some(circuit) = self.lock().get_mut(receiver) {
            circuit.none_overdue = true;
        }
    }

    /// Notes that `receiver` answered.
    pub(crate) fn answered(&self, receiver: &str) {
        if let Some(circuit) = self.lock().remove(receiver)
            && circuit.open_until.is_some()
        {
            tracing::info!(receiver, "the receiver of callbacks is back");
        }
    }

    /// Notes that `receiver` did not answer, or failed.
    pub(crate) fn failed(&self, receiver: &str, now: Timestamp) {
        let mut circuits = self.lock();
        if circuits.len() >= MOST && !circuits.contains_key(receiver) {
            let longest_ago = circuits.iter().min_by_key(|(_, circuit)| circuit.failed_at);
            if let Some(forgotten) = longest_ago.map(|(receiver, _)| receiver.clone()) {
                circuits.remove(&forgotten);
            }
        }
        let circuit = circuits.entry(receiver.to_owned()).or_default();
        circuit.failed_at = Some(now);
        circuit.failures = circuit.failures.saturating_add(1);
        // What was on its way when it opened says nothing new.
        if circuit.failures < TRIP || circuit.is_open(now) {
            return;
        }
        let pause =
            (FIRST_PAUSE * 2_u32.saturating_pow(circuit.openings.min(8))).min(LONGEST_PAUSE);
        circuit.openings = circuit.openings.saturating_add(1);
        circuit.open_until = Some(now.plus(pause));
        circuit.none_overdue = false;
        if circuit.openings == 1 {
            tracing::warn!(
                receiver,
                failures = circuit.failures,
                "the receiver of callbacks is away; what it is to get waits until it is back"
            );
        }
    }

    /// When the next circuit may let one delivery through.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let circuits = self.lock();
        let open = circuits.values().filter(|circuit| circuit.is_open(now));
        open.filter_map(|circuit| circuit.open_until).min()
    }

    /// How many receivers stand where at `now`.
    pub fn counts(&self, now: Timestamp) -> CircuitCounts {
        let mut counts = CircuitCounts::default();
        for circuit in self.lock().values() {
            match circuit.open_until {
                None => counts.failing += 1,
                Some(_) if circuit.is_open(now) => counts.open += 1,
                Some(_) => counts.half_open += 1,
            }
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);

    fn tripped() -> Circuits {
        let circuits = Circuits::default();
        for _ in 0..TRIP {
            assert_eq!(circuits.pass("r", START), Pass::All);
            circuits.failed("r", START);
        }
        circuits
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let circuits = tripped();
        let nothing = |may_be_overdue| Pass::Nothing { may_be_overdue };
        assert_eq!(circuits.pass("r", START), nothing(true));
        circuits.none_overdue("r");
        assert_eq!(circuits.pass("r", START), nothing(false));
        assert_eq!(circuits.pass("other", START), Pass::All);
        let back = START.plus(FIRST_PAUSE);
        assert_eq!(circuits.next_change(START), Some(back));
        assert_eq!(circuits.open_until("r", START), Some(back));
        assert_eq!(circuits.open_until("r", back), None);
        assert_eq!(circuits.open_until("other", START), None);
        assert_eq!(circuits.pass("r", back), Pass::One);
        circuits.answered("r");
        assert_eq!(circuits.pass("r", back), Pass::All);
        assert_eq!(circuits.counts(back), CircuitCounts::default());
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let circuits = Circuits::default();
        for at in 0..3 * TRIP {
            if at % (TRIP - 1) == 0 {
                circuits.answered("r");
            }
            circuits.failed("r", START);
        }
        assert_eq!(circuits.pass("r", START), Pass::All);
        assert_eq!(circuits.counts(START).failing, 1);
    }

    #[test]
    fn each_opening_is_longer_up_to_a_minute() {
        let circuits = tripped();
        let mut now = START;
        for pause in [5, 10, 20, 40, 60, 60] {
            // Those that were on their way change nothing.
            circuits.failed("r", now);
            let until = now.plus(Duration::from_secs(pause));
            assert_eq!(circuits.next_change(now), Some(until));
            assert_eq!(circuits.counts(now).open, 1);
            assert_eq!(circuits.counts(until).half_open, 1);
            now = until;
            circuits.failed("r", now);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_none_open() {
        let circuits = tripped();
        let before = Timestamp::from_micros(START.as_micros() - 3_600_000_000);
        assert_eq!(circuits.pass("r", before), Pass::One);
    }

    #[test]
    fn strangers_fill_no_memory() {
        let circuits = Circuits::default();
        for at in 0..MOST + 10 {
            circuits.failed(&at.to_string(), START);
        }
        assert_eq!(circuits.counts(START).failing, MOST);
        // And they are not in the way of one that is away now.
        let now = START.plus(FIRST_PAUSE);
        for _ in 0..TRIP {
            circuits.failed("r", now);
        }
        assert!(matches!(circuits.pass("r", now), Pass::Nothing { .. }));
        assert!(circuits.counts(now).failing < MOST);
    }
}
