//! Uploads whose bytes arrive in pieces: over hours, restarts and processes.
//!
//! Beside the session's row lies a second one: how many bytes are safely
//! stored (the offset), and what the storage needs to go on. A client asks for
//! the offset, sends what follows, and does so again until all is there.
//!
//! - **Safe, then recorded, then answered.** `append` syncs what arrived every
//!   few megabytes and at the end, or where the body breaks off, then writes
//!   the new offset. A crash leaves bytes beyond the recorded offset at most,
//!   and the next append cuts those off.
//! - **One at a time.** Within a process a [`Turns`] entry says who appends,
//!   on a disk the file's lock says it to other processes, and the row's
//!   version decides in the end: a change that names another version than the
//!   last is not recorded. Bytes of two requests never mix.
//! - **A client that asks for the offset is appending no more**, whatever its
//!   old connection looks like from here: the question ends an append that is
//!   under way in this process, after what arrived was recorded. So do one that
//!   begins anew and one that ends the upload.
//! - **The last byte.** The body moves to the key that it was promised when it
//!   began, then one transaction names it as the session's body, as after a
//!   PUT. A crash in between leaves the offset at the end and the body unnamed;
//!   the next question for the offset, append or confirmation does it again.
//!   After that, a resumable upload is confirmed like any other.

mod append;
mod begin;
mod checksum;
mod complete;
mod session;
mod turns;

pub use append::Chunk;
pub use checksum::{BadChecksum, Checksum};
pub use session::{Position, ResumableGrant};
pub use turns::Turns;

use runnel_store::Tx;
use runnel_types::{AssetId, Fault, OrgId};

use crate::faults;

/// Holds an upload before its progress is changed with it. A confirmation takes the
/// two in this order: of two that wait for each other's rows one would fail.
async fn lock_upload(tx: &mut Tx, org: OrgId, id: AssetId) -> Result<(), Fault> {
    let locked = tx.uploads().lock_for_update(org, id).await;
    locked.map(drop).map_err(faults::store)
}
