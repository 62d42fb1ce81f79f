//! Accepts connections and serves each in a task of its own, until it is told to stop.

use std::time::Duration;

use axum::Router;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use crate::env::{Listener, Socket};

/// Pause where no connection can be accepted, for want of file descriptors or memory: some are
/// freed meanwhile, and the loop does not spin. The kernel's queue keeps who is waiting.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two log lines about that.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// For a client to speak TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` is cancelled; then takes no new connections and requests, and lets those
/// under way end.
pub(crate) async fn serve(
    mut listener: Box<dyn Listener>,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let take = |stream| {
        let (tls, router) = (tls.clone(), router.clone());
        let (stop, cut) = (stop.clone(), cut.clone());
        connections.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = one(stream, tls, router, stop) => {}
            }
        });
    };
    let mut complained: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => take(stream),
            // That one client went away again.
            Err(error) if is_clients(&error) => {}
            Err(error) => {
                if complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
                    tracing::warn!(%error, open = connections.len(), "no connection can be accepted for now");
                    complained = Some(Instant::now());
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    listener.close().into_iter().for_each(take);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "requests under way are cut off");
        cut.cancel();
        connections.wait().await;
    }
}

fn is_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn one(stream: Socket, tls: Option<TlsAcceptor>, router: Router, stop: CancellationToken) {
    let Some(tls) = tls else { return connection::serve(stream, router, stop).await };
    let handshake = tokio::time::timeout(HANDSHAKE, tls.accept(stream));
    tokio::select! {
        () = stop.cancelled() => {}
        handshake = handshake => match handshake {
            Ok(Ok(stream)) => connection::serve(stream, router, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client does not speak TLS as we do"),
            Err(_) => tracing::debug!("a client did not finish its TLS handshake"),
        },
    }
}
