//! Where transforms wait for their turn, and which of them are known to fail.
//!
//! A signed URL asks for a size at the cost of a decoding, and anybody who has a
//! key signs a thousand of them. So transforms leave a place to uploads wherever
//! there are two; organizations take turns; what a program reads waits in a
//! line of its own; and a picture that cannot be had costs its try once in some
//! minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runnel_media::MediaError;
use runnel_media::subprocess::Programs;
use runnel_types::{Fault, OrgId, Timestamp};

use super::refused;
use crate::slots::{Full, Slot};
use crate::{FairSlots, Services, ThreadSlot};

/// How many transforms wait in all, as a multiple of what may for one organization.
const ORGS_WAITING: usize = 4;

/// The most failures that are remembered; the oldest go.
const MOST_FAILURES: usize = 4096;

/// How long a failure is remembered: the bytes of an asset do not change.
const REMEMBERED: Duration = Duration::from_mins(10);

/// The same for one of which the machine may have had its part: a program that was
/// killed, or came to no end in its time, is taken to have met a damaged file or a
/// feature that it does not know.
const REMEMBERED_BRIEFLY: Duration = Duration::from_mins(1);

/// What reads a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::assets) enum Reader {
    /// This process.
    Process,
    /// A program, which may take its time.
    Program,
}

/// The lines of transforms, and what is known of those that failed.
#[derive(Debug)]
pub struct Transforms {
    pixels: FairSlots,
    programs: FairSlots,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    known: HashMap<String, (Fault, Timestamp)>,
    /// The same, oldest first, those that were renewed once for each time.
    order: VecDeque<(String, Timestamp)>,
}

/// A place in which a transform is made.
#[derive(Debug)]
pub(super) struct Place {
    _turn: Slot,
    _slot: ThreadSlot,
}

impl Transforms {
    /// How many may wait for one organization: a page of pictures in all its sizes
    /// and more, and little beside what a request costs anyway.
    pub const WAITING: usize = 512;

    /// Lines for so many cores, in which `waiting` may stand for one organization.
    pub fn new(cores: usize, waiting: usize) -> Self {
        let line = || {
            let places = cores.saturating_sub(1).max(1);
            FairSlots::new(places).waited_for_by(waiting, waiting.saturating_mul(ORGS_WAITING))
        };
        Self {
            pixels: line(),
            programs: line(),
            failures: Mutex::default(),
        }
    }

    /// How many transforms that no program makes wait for a place.
    pub fn in_line(&self) -> usize {
        self.pixels.in_line()
    }

    /// How the transform `name` failed a short time ago, if it did.
    pub(super) fn known_failure(&self, name: &str, now: Timestamp) -> Option<Fault> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, until) = failures.known.get(name)?;
        (now < *until).then(|| fault.clone())
    }

    /// The fault of a transform that failed in the hands of `by`; the file's are
    /// remembered.
    pub(super) fn failed(
        &self,
        name: &str,
        error: MediaError,
        by: Reader,
        now: Timestamp,
    ) -> Fault {
        let remembered = match (&error, by) {
            (MediaError::Read(_) | MediaError::ToolMissing { .. }, _) => None,
            (_, Reader::Program) => Some(REMEMBERED_BRIEFLY),
            (_, Reader::Process) => Some(REMEMBERED),
        };
        let fault = refused(error);
        if let Some(remembered) = remembered {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.remember(name, fault.clone(), now.plus(remembered));
        }
        fault
    }
}

impl Failures {
    fn remember(&mut self, name: &str, fault: Fault, until: Timestamp) {
        self.known.insert(name.to_owned(), (fault, until));
        self.order.push_back((name.to_owned(), until));
        while self.order.len() > MOST_FAILURES {
            let Some((oldest, until)) = self.order.pop_front() else {
                return;
            };
            if self
                .known
                .get(&oldest)
                .is_some_and(|known| known.1 == until)
            {
                self.known.remove(&oldest);
            }
        }
    }
}

impl Services {
    /// The programs that a reader may use.
    pub(in crate::assets) fn programs_of(&self, by: Reader) -> Programs {
        match by {
            Reader::Process => Programs::in_folders::<&str>([]),
            Reader::Program => self.programs.clone(),
        }
    }

    /// Waits for a place in which to make a transform for `org`.
    pub(super) async fn transform_place(&self, org: OrgId, by: Reader) -> Result<Place, Fault> {
        let (line, slots) = match by {
            Reader::Process => (&self.transforms.pixels, &self.pixel_slots),
            Reader::Program => (&self.transforms.programs, &self.program_slots),
        };
        // ORDER: the turn first; whoever waits for it keeps no place from an upload.
        let turn = line.take(org).await.map_err(|Full| {
            Fault::unavailable(
                "too many transforms wait to be made already; ask for this one again in some seconds",
            )
        })?;
        Ok(Place {
            _turn: turn,
            _slot: slots.take().await,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn unsupported() -> MediaError {
        MediaError::Unsupported { found: None }
    }

    #[test]
    fn a_failure_of_the_file_is_known_for_some_minutes() {
        let transforms = Transforms::new(1, 1);
        let told = transforms.failed("a", unsupported(), Reader::Process, NOW);
        transforms.failed("b", unsupported(), Reader::Program, NOW);
        let lost = std::io::Error::other("the disk is away");
        transforms.failed("c", MediaError::Read(lost), Reader::Process, NOW);
        let known = |name, minutes| {
            let now = NOW.plus(Duration::from_mins(minutes));
            transforms.known_failure(name, now)
        };
        assert_eq!(known("a", 9), Some(told));
        assert_eq!(known("a", 10), None);
        assert!(known("b", 0).is_some() && known("b", 1).is_none());
        assert_eq!(
            known("c", 0),
            None,
            "the disk's failures are not the file's"
        );
    }

    #[test]
    fn the_oldest_failures_go_and_those_that_were_renewed_stay() {
        let transforms = Transforms::new(1, 1);
        let later = NOW.plus(Duration::from_secs(1));
        transforms.failed("renewed", unsupported(), Reader::Process, NOW);
        transforms.failed("old", unsupported(), Reader::Process, NOW);
        transforms.failed("renewed", unsupported(), Reader::Process, later);
        for number in 0..MOST_FAILURES - 1 {
            transforms.failed(&number.to_string(), unsupported(), Reader::Process, later);
        }
        let is_known = |name| transforms.known_failure(name, later).is_some();
        assert_eq!(["renewed", "old", "0"].map(is_known), [true, false, true]);
        transforms.failed("one more", unsupported(), Reader::Process, later);
        assert_eq!(
            ["renewed", "0", "one more"].map(is_known),
            [false, true, true]
        );
        let failures = transforms.failures.lock().unwrap();
        assert_eq!(failures.order.len(), MOST_FAILURES);
        assert_eq!(failures.known.len(), MOST_FAILURES);
    }
}
