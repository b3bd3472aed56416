//! Reads a body, at most so much of it and not for ever.

use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use runnel_domain::uploads::{Arriving, Pace, TooSlow};
use runnel_domain::{Memory, Room, Services};
use runnel_types::{Fault, Kind, OrgId};

use crate::room;

const MIB: usize = 1024 * 1024;

/// The most bytes of any JSON body: inputs of runs may hold files.
pub(crate) const JSON_LIMIT: usize = 10 * MIB;

/// The most bytes of a JSON body that holds no files. What an asset's owner notes
/// about it has the most, 100 KiB, and a client may write each byte of that as six:
/// `\u0061`. Many do so with letters that are not ASCII.
pub(crate) const SMALL_JSON_LIMIT: usize = MIB;

/// What to do with a body that does not go through here.
const OTHERWISE: &str = "send files through POST /v1/asset-uploads and name them by id";

/// How much of a refused body is read and thrown away, so that a client which
/// is still sending gets to read the answer instead of a reset connection.
const DRAIN: u64 = 64 * 1024 * 1024;

/// How long a refused body is drained.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Reads at most `limit` bytes on behalf of `org`. The memory that they take is
/// accounted for as long as they are kept; see [`room`].
pub(crate) async fn read(
    services: &Services,
    org: OrgId,
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Fault> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let taken = if announced.is_some_and(|length| length > limit) {
        Err(too_large(limit))
    } else {
        let memory = &services.body_memory.arriving;
        take(memory, org, &mut body, announced, limit).await
    };
    // Of one that stopped arriving there is no more to wait for.
    if taken
        .as_ref()
        .is_err_and(|fault| fault.kind != Kind::BadRequest)
    {
        drain(body).await;
    }
    taken
}

async fn take(
    memory: &Memory,
    org: OrgId,
    body: &mut Body,
    announced: Option<usize>,
    limit: usize,
) -> Result<Bytes, Fault> {
    // As slow as a file may be, until others may have to wait for what it takes.
    let mut arriving = Arriving::at(Pace::FILE);
    // One piece is handed on as it is: the transport has it in memory already, as
    // has whoever read the body before, and with it the room that it takes.
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    let mut room = None;
    loop {
        let frame = arriving.wait(body.frame()).await.map_err(too_slow)?;
        let Some(frame) = frame else {
            break;
        };
        let frame =
            frame.map_err(|error| Fault::bad_request(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        arriving.count(data.len());
        let so_far = first.len().max(whole.len()) + data.len();
        if so_far > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if room.is_none() && so_far > room::FREE {
            let expected = announced.unwrap_or(limit).max(so_far);
            room = room::take(memory, org, expected).await?;
            whole.reserve_exact(expected);
            arriving = Arriving::at(Pace::IN_MEMORY);
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        Bytes::from_owner(Kept { whole, _room: room })
    })
}

/// Bytes and the room that they take, which is given back with the last of them.
struct Kept {
    whole: Vec<u8>,
    _room: Option<Room>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.whole
    }
}

fn too_large(limit: usize) -> Fault {
    let most = limit / MIB;
    Fault::too_large(format!(
        "the body is larger than {most} MiB, the most that is taken here as JSON; {OTHERWISE}"
    ))
}

fn too_slow(why: TooSlow) -> Fault {
    Fault::bad_request(match why {
        TooSlow::Paused(_) => format!("the body stopped arriving ({why}); send it again"),
        // Over the same network the same would come of it.
        TooSlow::Dripped { .. } => format!("the body came too slowly ({why}); {OTHERWISE}"),
    })
}

/// The body's bytes as they arrive; a client that is too slow ends them.
pub(crate) fn chunks<B>(body: B) -> impl Stream<Item = Result<Bytes, String>>
where
    B: http_body::Body<Data = Bytes, Error: Display> + Unpin,
{
    let begun = (body, Arriving::at(Pace::FILE));
    stream::try_unfold(begun, |(mut body, mut arriving)| async {
        loop {
            let came = arriving.wait(body.frame()).await;
            let Some(frame) = came.map_err(|why| why.to_string())? else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| error.to_string())?;
            // Trailers say nothing that is asked for.
            if let Ok(data) = frame.into_data() {
                arriving.count(data.len());
                return Ok(Some((data, (body, arriving))));
            }
        }
    })
}

/// The same body, which breaks off when its client is too slow. Without that, a
/// request whose client is gone without a word would be at work for ever.
pub(crate) fn unless_idle(body: Body) -> Body {
    Body::from_stream(chunks(body))
}

/// Reads what is left of a refused body and throws it away, within bounds.
pub(crate) async fn drain(mut body: Body) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > DRAIN {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}
