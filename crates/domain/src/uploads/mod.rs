//! Uploads in three steps: a session, a PUT to its URL, a confirmation.
//!
//! Each body that arrives lies under a key of its own, and the session's row
//! names the last complete one. So the bytes that a confirmation looks at
//! cannot change under it, and file and row never need a common lock:
//!
//! 1. `create` writes the row and signs the URL.
//! 2. `receive` stages the body, syncs it under a new key, then points the row
//!    at it. A crash in between leaves an object that no row names; a body that
//!    was answered with 200 is named by the row. Of two bodies at once the last
//!    complete one counts, and there are no more in a process.
//! 3. `confirm` looks at the bytes, then writes the asset and closes the
//!    session in one transaction, on condition that the row still names the
//!    body it looked at.
//!    Where the store takes the bytes itself, `collect` comes first: it copies
//!    what was sent to a key of its own and records it as `receive` would have.
//! 4. `sweep` removes what was never confirmed, long after its URL expired.
//!
//! A session created with `resumable` takes its bytes in pieces too.

mod arrivals;
mod bodies;
mod collect;
mod confirm;
mod confirmations;
mod create;
mod declared;
mod pace;
mod receive;
mod resumable;
mod sweep;

pub use arrivals::Arrivals;
pub use confirmations::Confirmations;
pub use create::NewUpload;
pub use pace::{Arriving, Pace, TooSlow};
pub use receive::Stored;
pub use resumable::{BadChecksum, Checksum, Chunk, Position, ResumableGrant, Turns};
