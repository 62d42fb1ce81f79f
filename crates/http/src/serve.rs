//! Serves each connection in a task of its own, until it is told to stop.

use std::time::Duration;

use axum::Router;
use chronos_env::{Accept, Listener, Socket, accept};
use tokio_util::sync::CancellationToken;

use crate::connection;
use crate::tls::TlsAcceptor;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When the server stops, requests under way have so long to end.
const LIMITS: Accept = Accept { from: "clients", most: usize::MAX, grace: Duration::from_secs(10) };

/// Serves until `stop` is cancelled. Then it takes no new connections and requests, and lets those
/// under way end.
pub async fn serve(
    listener: Box<dyn Listener>,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    let serve = |socket, _| one(socket, tls.clone(), router.clone(), stop.clone());
    accept(listener, LIMITS, stop.clone(), serve).await;
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
