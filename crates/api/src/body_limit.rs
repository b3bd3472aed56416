//! Reads a body into memory, at most so much of it and not for ever.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use runnel_types::Fault;

/// The most bytes of a JSON body.
pub(crate) const JSON_LIMIT: usize = 10 * 1024 * 1024;

/// How much of a refused body is read and thrown away, so that a client which
/// is still sending gets to read the answer instead of a reset connection.
const DRAIN: u64 = 64 * 1024 * 1024;

/// How long a client may pause within a body.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// How long a refused body is drained.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Reads at most `limit` bytes.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, Fault> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0).min(64 * 1024));
    let too_large = || {
        Fault::too_large(format!(
            "the body is larger than {} MiB, the limit for JSON; send files through POST /v1/asset-uploads and name them by id",
            limit / (1024 * 1024)
        ))
    };
    if announced.is_some_and(|length| length > limit) {
        drain(body).await;
        return Err(too_large());
    }
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame())
            .await
            .map_err(|_| Fault::bad_request("the body stopped arriving; send it again"))?;
        let Some(frame) = frame else {
            return Ok(bytes.freeze());
        };
        let frame =
            frame.map_err(|error| Fault::bad_request(format!("the body broke off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > limit {
                drain(body).await;
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
    }
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
