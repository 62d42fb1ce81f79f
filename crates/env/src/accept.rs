//! The accept loop of everything that listens. It takes connections until the server stops and serves each
//! in a task of its own. When the server stops, connections under way get a while to end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Listener, Socket};

/// How long the loop pauses when no connection can be accepted for want of file descriptors or memory.
/// Meanwhile some are freed, and the loop does not spin. The kernel's queue keeps the connections that wait.
const PAUSE: Duration = Duration::from_millis(50);
/// The time between two log lines about a condition that may last.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Accept {
    /// Names the callers in the log: `clients`, `other nodes`.
    pub from: &'static str,
    /// How many connections may be open at a time. A further one is closed at once, so that the client
    /// notices.
    pub most: usize,
    /// How long connections under way may take to end when the server stops.
    pub grace: Duration,
}

/// Serves connections until `stop` is cancelled. Then it takes no more, and lets those under way end. The
/// future that `serve` returns is dropped if it takes longer than the grace.
pub async fn accept<F>(
    mut listener: Box<dyn Listener>,
    limits: Accept,
    stop: CancellationToken,
    serve: impl Fn(Socket, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let Accept { from, most, grace } = limits;
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let take = |socket, address| {
        let (served, cut) = (serve(socket, address), cut.clone());
        connections.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = served => {}
            }
        });
    };
    let mut complained = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(_) if connections.len() >= most => complain(&mut complained, || {
                tracing::warn!(from, open = connections.len(), "too many connections");
            }),
            Ok((socket, address)) => take(socket, address),
            // The client that made this connection went away again.
            Err(error) if is_the_others(&error) => {}
            Err(error) => {
                complain(&mut complained, || {
                    let open = connections.len();
                    tracing::warn!(from, %error, open, "no connection can be accepted for now");
                });
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    for (socket, address) in listener.close() {
        take(socket, address);
    }
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(from, open = connections.len(), "what is under way is cut off");
        cut.cancel();
        connections.wait().await;
    }
}

fn complain(last: &mut Option<Instant>, say: impl FnOnce()) {
    if last.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
        say();
        *last = Some(Instant::now());
    }
}

fn is_the_others(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
