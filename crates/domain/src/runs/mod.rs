//! Runs: created, executed, watched, ended; each end tells its callback.
//!
//! A run is written together with the job that will execute it, so nothing is
//! accepted and lost. Its end is written together with the assets it made, its
//! callback's delivery and the end of its job: one commit. A worker that dies
//! before that commit leaves the job to the next worker, which executes the run
//! again; a worker that comes late finds the run ended and drops its result.

mod attend;
mod cancel;
mod create;
mod events;
mod execute;
mod finish;
mod inputs;
mod outputs;
mod read;
mod reports;
mod rerun;
mod retry;
mod streams;
mod wait;

use std::time::Duration;

pub use cancel::Cancellation;
pub(crate) use create::{CheckedInput, MAX_CLIENT_REF};
pub use events::{Follower, Heard, Place, RunEvent};
pub use execute::{Execution, Lease};
pub use inputs::MemoryLine;
pub use read::RunView;
pub(crate) use read::references_in;
pub use streams::Streams;

/// How often whoever waits for a run looks at it without having been woken.
/// Wake-ups are the rule; this finds what a lost one would have told.
const POLL: Duration = Duration::from_secs(2);
