//! The accept loop of everything that listens: connections are taken until the server stops, each is
//! served in a task of its own, and those under way then get a while to end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Listener, Socket};

/// Pause where no connection can be accepted, for want of file descriptors or memory: some are
/// freed meanwhile, and the loop does not spin. The kernel's queue keeps who is waiting.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two log lines about what may go on for long.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct Accept {
    /// Who connects, for the log: `clients`, `other nodes`.
    pub from: &'static str,
    /// Connections open at a time; one more is closed at once, so that its maker knows.
    pub most: usize,
    /// How long connections under way may take to end when the server stops.
    pub grace: Duration,
}

/// Serves connections until `stop` is cancelled; then takes no more, and lets those under way end. What
/// `serve` returns is dropped where it takes longer than the grace.
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
            // Whoever made that one went away again.
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
