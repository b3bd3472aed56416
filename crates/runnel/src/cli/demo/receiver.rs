//! A receiver of callbacks on this machine, for as long as the demo runs.

use std::net::SocketAddr;

use bytes::Bytes;
use runnel_api::receiver;
use tokio::sync::Mutex;

use crate::Failure;

/// The range in which it listens, as a server must be allowed to reach it.
pub(super) const RECEIVED_AT: &str = "127.0.0.1/32";

/// Listens on a free port and keeps what arrives.
pub(super) struct Receiver {
    address: SocketAddr,
    inner: Mutex<receiver::Receiver>,
}

impl Receiver {
    pub(super) async fn start() -> Result<Self, Failure> {
        let inner = receiver::Receiver::listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .map_err(|error| Failure::new(format!("the demo's receiver cannot listen: {error}")))?;
        Ok(Self {
            address: inner.address(),
            inner: Mutex::new(inner),
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// The next callback, byte for byte as it was sent.
    pub(super) async fn next(&self) -> Result<Bytes, Failure> {
        let received = self.inner.lock().await.next().await;
        let received = received.ok_or_else(|| Failure::new("the demo's receiver has stopped"))?;
        let body = received.body.clone();
        received.answer(204);
        Ok(body)
    }
}
