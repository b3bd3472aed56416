//! The listener: accepts connections, with TLS or without, until asked to stop.
//!
//! Places for connections are few, so none is held by a client that does nothing
//! with it. The waits for a client end: that for its first bytes (`watched`), for a
//! TLS greeting, for the head of a request, and that on a connection on which no
//! request is at work and nothing of an answer is sent (`life`). Whoever takes an
//! answer slowly, or asks for something from time to time, may stay. Bodies of
//! requests have limits of their own, where they are read.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Talk, converse};
pub use crate::patience::Patience;

/// How many connections are open at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;

/// How much of a head or of a stream's data is kept per connection, in bytes.
const BUFFER: usize = 64 * 1024;

/// How much of an answer lies in the kernel and is not on its way yet, in bytes.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// After how much silence the kernel asks whether a client's machine is there.
const PROBE_AFTER: Duration = Duration::from_mins(1);

/// How long it waits before it asks again.
const PROBE_PAUSE: Duration = Duration::from_secs(15);

/// Serves `router` on `listener` until `stop`; then stops accepting and gives
/// open requests `grace` to end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    patience: Patience,
    stop: CancellationToken,
    grace: Duration,
) {
    let talk = Arc::new(Talk {
        builder: builder(patience),
        router,
        patience,
        stop,
    });
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = talk.stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, place)) = accepted else {
            continue;
        };
        let talk = Arc::clone(&talk);
        let tls = tls.clone();
        connections.spawn(async move {
            let _place = place;
            match tls {
                None => converse(&talk, stream).await,
                Some(tls) => {
                    let greeting = tokio::time::timeout(talk.patience.head, tls.accept(stream));
                    let greeted = tokio::select! {
                        () = talk.stop.cancelled() => return,
                        greeted = greeting => greeted,
                    };
                    match greeted {
                        Ok(Ok(stream)) => converse(&talk, stream).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a TLS greeting failed"),
                        Err(_) => tracing::debug!("a TLS greeting took too long"),
                    }
                }
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            grace_s = grace.as_secs(),
            "requests were still open at the end of the grace time"
        );
    }
}

fn builder(patience: Patience) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Between two requests as well as within the head of one.
        .header_read_timeout(patience.head)
        .max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_header_list_size(BUFFER as u32)
        .max_concurrent_streams(128);
    builder
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and wanted at once.
            let _ = stream.set_nodelay(true);
            // A machine that went away without a word is found out while its
            // request is at work, too.
            let probes = TcpKeepalive::new()
                .with_time(PROBE_AFTER)
                .with_interval(PROBE_PAUSE);
            let socket = SockRef::from(&stream);
            let _ = socket.set_tcp_keepalive(&probes);
            // Otherwise megabytes lie in the kernel, and nobody sees that a slow client
            // takes some of them.
            #[cfg(target_os = "linux")]
            let _ = socket.set_tcp_notsent_lowat(UNSENT);
            Some((stream, place))
        }
        Err(error) => {
            // Out of descriptors, or a client that left: wait instead of spinning.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
