//! Batches: up to a hundred runs of one model, asked for at once, told of at once.
//!
//! A batch is written together with its runs and their jobs, so none of it is
//! accepted and lost. Each run is executed like any other; the transaction that
//! ends it counts its end on the batch, and the one that ends the last of them
//! ends the batch and plans its callback. A worker that dies before that commit
//! has ended nothing: the next one ends that run, and the batch with it.

mod cancel;
mod create;
mod progress;
mod read;

use runnel_types::{BatchId, Fault};

pub use read::BatchView;

/// The fault of a batch that the caller does not have.
pub(crate) fn not_found(id: BatchId) -> Fault {
    Fault::not_found("BATCH_NOT_FOUND", format!("there is no batch {id}"))
}
