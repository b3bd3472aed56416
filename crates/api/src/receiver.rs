//! A small receiver of callbacks on this machine, for demonstrations.

use std::net::SocketAddr;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::any;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The most bytes of a callback.
const LIMIT: usize = 1024 * 1024;

/// A callback as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// Listens on a free port of the loopback until the receiving end is dropped.
///
/// # Errors
/// When no port can be had.
pub async fn listen() -> std::io::Result<(SocketAddr, mpsc::Receiver<Received>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (sender, receiver) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let router = Router::new().fallback(any({
        let sender = sender.clone();
        move |request: Request| accept(sender.clone(), request)
    }));
    let serving = crate::server::serve(
        listener,
        None,
        router,
        stop.clone(),
        std::time::Duration::ZERO,
    );
    tokio::spawn(async move {
        tokio::select! {
            () = serving => {}
            () = sender.closed() => stop.cancel(),
        }
    });
    Ok((address, receiver))
}

async fn accept(sender: mpsc::Sender<Received>, request: Request) -> StatusCode {
    let Ok(body) = to_bytes(request.into_body(), LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    match sender.send(Received { body }).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::GONE,
    }
}
