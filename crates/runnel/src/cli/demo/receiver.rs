//! A receiver of callbacks on this machine, for as long as the demo runs.

use std::net::SocketAddr;

use bytes::Bytes;
use runnel_api::receiver::{Received, listen};
use tokio::sync::{Mutex, mpsc};

use crate::Failure;

/// Listens on a free port and keeps what arrives.
pub(super) struct Receiver {
    address: SocketAddr,
    received: Mutex<mpsc::Receiver<Received>>,
}

impl Receiver {
    pub(super) async fn start() -> Result<Self, Failure> {
        let (address, received) = listen()
            .await
            .map_err(|error| Failure::new(format!("the demo's receiver cannot listen: {error}")))?;
        Ok(Self {
            address,
            received: Mutex::new(received),
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// The next callback, byte for byte as it was sent.
    pub(super) async fn next(&self) -> Result<Bytes, Failure> {
        match self.received.lock().await.recv().await {
            Some(received) => Ok(received.body),
            None => Err(Failure::new("the demo's receiver has stopped")),
        }
    }
}
