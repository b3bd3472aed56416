//! Runs: created, executed, ended; each end tells its callback.
//!
//! A run is written together with the job that will execute it, so nothing is
//! accepted and lost. Its end is written together with the assets it made, its
//! callback's delivery and the end of its job: one commit. A worker that dies
//! before that commit leaves the job to the next worker, which executes the run
//! again; a worker that comes late finds the run ended and drops its result.

mod create;
mod execute;
mod finish;
mod inputs;
mod read;

pub(crate) use create::{CheckedInput, MAX_CLIENT_REF};
pub use execute::{Execution, Lease};
pub use read::RunView;
pub(crate) use read::references_in;
