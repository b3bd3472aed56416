//! Room for bodies in JSON within the memory that there is for them; see
//! [`BodyMemory`](runnel_domain::BodyMemory).
//!
//! A body takes room twice: for its bytes while they arrive, then for its values as
//! long as the request is worked on. Each is taken in one piece, so of many large
//! bodies the rest wait, those of one organization for each other first. Nobody waits
//! in a circle: who has room for bytes may wait for room for values, never the other
//! way round. A client that is slow to send cannot keep room for long; see
//! [`Pace::IN_MEMORY`](runnel_domain::uploads::Pace::IN_MEMORY).
//!
//! What is small takes none and never waits. All of that together is bounded only by
//! how many requests are at work: over HTTP/2 a connection brings a hundred and more
//! at a time, each with as much as is free, in bytes and again in values.

use std::time::Duration;

use runnel_domain::{Memory, Room};
use runnel_types::{Fault, OrgId};

/// What takes at most so many bytes takes no room.
pub(crate) const FREE: usize = 64 * 1024;

/// How long room is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes room for `bytes`, which are `org`'s; `None` when they need none.
pub(crate) async fn take(memory: &Memory, org: OrgId, bytes: usize) -> Result<Option<Room>, Fault> {
    if bytes <= FREE {
        return Ok(None);
    }
    let taking = memory.take(org, bytes as u64);
    match tokio::time::timeout(PATIENCE, taking).await {
        Ok(room) => Ok(Some(room)),
        Err(_elapsed) => Err(Fault::unavailable(
            "too many large bodies are being worked on; send it again in a moment, or send files through POST /v1/asset-uploads",
        )),
    }
}
