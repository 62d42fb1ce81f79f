//! Serves each connection in a task of its own, until it is told to stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chronos_env::{Accept, Further, Listener, Socket, accept};
use tokio_util::sync::CancellationToken;

use crate::connection::{self, Client, Crowd, Protocol};
use crate::metrics::Metrics;
use crate::tls::Tls;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When the server stops, requests under way have so long to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` is cancelled. Then it takes no new connections and requests, and lets those
/// under way end. At most `most` connections are open at a time. Further ones wait in the kernel's queue, and
/// idle ones are soon closed for them. As many requests of HTTP/2 are under way at a time, on however few connections.
pub async fn serve(
    listener: Box<dyn Listener>,
    tls: Option<Tls>,
    router: Router,
    most: usize,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let crowd = Arc::new(Crowd::new(most, metrics));
    let serve = |socket, address: SocketAddr| {
        let place = Crowd::join(&crowd);
        let served = one(socket, address.ip(), tls.clone(), router.clone(), Arc::clone(&crowd), stop.clone());
        async move {
            served.await;
            drop(place);
        }
    };
    let limits = Accept { from: "clients", most, further: Further::Waits, grace: GRACE };
    accept(listener, limits, stop.clone(), serve).await;
}

async fn one(
    stream: Socket,
    address: IpAddr,
    tls: Option<Tls>,
    router: Router,
    crowd: Arc<Crowd>,
    stop: CancellationToken,
) {
    let Some(tls) = tls else {
        let client = Client { address, is_secured: false, speaks: Protocol::Http1 };
        return connection::serve(stream, client, router, &crowd, stop).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream));
    tokio::select! {
        () = stop.cancelled() => {}
        handshake = handshake => match handshake {
            Ok(Ok(stream)) => {
                let speaks = Protocol::of(stream.get_ref().1.alpn_protocol());
                let client = Client { address, is_secured: true, speaks };
                connection::serve(stream, client, router, &crowd, stop).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a client does not speak TLS as we do"),
            Err(_) => tracing::debug!("a client did not finish its TLS handshake"),
        },
    }
}
