//! The memory that bodies in JSON may take in this process, all of them together.
//!
//! A body takes room twice: for its bytes while they arrive ([`ARRIVING`]), then
//! for its values as long as the request is worked on ([`PARSED`]). Each is taken
//! in one piece and first come, first served, so of many large bodies the rest
//! wait. Nobody waits in a circle: who has room for bytes may wait for room for
//! values, never the other way round. A client that is slow to send cannot keep
//! room for long; see [`Pace::IN_MEMORY`](runnel_domain::uploads::Pace::IN_MEMORY).
//!
//! What is small takes none and never waits: the number of connections bounds it.
//! The pools are the process's own, as its memory is.

use std::time::Duration;

use runnel_types::Fault;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What takes at most so many bytes takes no room.
pub(crate) const FREE: usize = 64 * 1024;

/// How long room is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one permit stands for, in bytes.
const UNIT: usize = 1024;

/// Room for the bytes of bodies: six of the largest.
pub(crate) static ARRIVING: Pool = Pool::of(64 * 1024 * 1024);

/// Room for the values of bodies: three of the largest.
pub(crate) static PARSED: Pool = Pool::of(128 * 1024 * 1024);

/// Some memory, shared out.
#[derive(Debug)]
pub(crate) struct Pool {
    permits: Semaphore,
    size: u32,
}

/// Room that is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken(
    #[expect(dead_code, reason = "held, not looked at")] Option<SemaphorePermit<'static>>,
);

impl Pool {
    const fn of(bytes: usize) -> Self {
        let size = bytes / UNIT;
        Self {
            permits: Semaphore::const_new(size),
            size: size as u32,
        }
    }

    /// Takes room for `bytes`.
    pub(crate) async fn take(&'static self, bytes: usize) -> Result<Taken, Fault> {
        if bytes <= FREE {
            return Ok(Taken(None));
        }
        let wanted = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let taking = self.permits.acquire_many(wanted.min(self.size));
        match tokio::time::timeout(PATIENCE, taking).await {
            Ok(taken) => Ok(Taken(Some(taken.map_err(Fault::internal)?))),
            Err(_elapsed) => Err(Fault::unavailable(
                "too many large bodies are being worked on; send it again in a moment, or send files through POST /v1/asset-uploads",
            )),
        }
    }
}
