//! One connection, from its first byte until it ends or says nothing for too long.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::lenient::{Heads, Lenient, Noted};
use crate::life::Life;
use crate::patience::Patience;
use crate::watched::Watched;

/// What all connections share.
pub(crate) struct Talk {
    pub(crate) builder: Builder<TokioExecutor>,
    pub(crate) router: Router,
    pub(crate) patience: Patience,
    pub(crate) stop: CancellationToken,
}

/// Serves a connection. When the server stops, and when the connection has shown
/// no sign of life for too long, its client is told to begin nothing new on it;
/// what is at work ends first.
pub(crate) async fn converse<S>(talk: &Talk, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let life = Life::begin();
    let heads = Heads::begin();
    let service = service_fn(|request: Request<Incoming>| {
        let at_work = life.at_work();
        if request.version() > Version::HTTP_11 {
            heads.lose();
        }
        let request = request.map(|body| Noted::new(body, &heads));
        let answering = talk.router.clone().oneshot(request);
        async move {
            let response = answering.await;
            drop(at_work);
            response
        }
    });
    let watched = Watched::new(stream, talk.patience.head, Arc::clone(&life));
    let stream = TokioIo::new(Lenient::new(watched, Arc::clone(&heads)));
    let mut connection = pin!(talk.builder.serve_connection(stream, service));
    let mut is_last = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = talk.stop.cancelled(), if !is_last => {}
            () = life.end(talk.patience.idle) => {
                if is_last {
                    tracing::debug!("a connection without a sign of life was closed");
                    return;
                }
            }
        }
        is_last = true;
        life.sign();
        connection.as_mut().graceful_shutdown();
    }
}
