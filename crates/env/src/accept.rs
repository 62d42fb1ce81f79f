//! The accept loop of everything that listens. It takes connections until the server stops and serves each
//! in a task of its own. When the server stops, connections under way get a while to end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Listener, Seldom, Socket};

/// How long the loop pauses when no connection can be accepted for want of file descriptors or memory.
/// Meanwhile some are freed, and the loop does not spin. The kernel's queue keeps the connections that wait.
const PAUSE: Duration = Duration::from_millis(50);

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Accept {
    /// Names the callers in the log: `clients`, `other nodes`.
    pub from: &'static str,
    /// How many connections may be open at a time.
    pub most: usize,
    /// What becomes of a further one.
    pub further: Further,
    /// How long connections under way may take to end when the server stops.
    pub grace: Duration,
}

/// What becomes of a connection where as many are open as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Further {
    /// It waits in the kernel's queue until another one ends.
    Waits,
    /// It is closed at once, so that its client notices and goes elsewhere.
    IsClosed,
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
    let Accept { from, most, further, grace } = limits;
    let room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let take = |socket, address, place: Option<OwnedSemaphorePermit>| {
        let (served, cut) = (serve(socket, address), cut.clone());
        connections.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = served => {}
            }
            drop(place);
        });
    };
    let complaint = Seldom::default();
    loop {
        if further == Further::Waits && room.available_permits() == 0 {
            complaint.say(|| tracing::warn!(from, open = connections.len(), "further connections wait"));
        }
        let next = async {
            let place = match further {
                Further::Waits => Arc::clone(&room).acquire_owned().await.ok(),
                Further::IsClosed => None,
            };
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((socket, address)) => match place.or_else(|| Arc::clone(&room).try_acquire_owned().ok()) {
                Some(place) => take(socket, address, Some(place)),
                None => {
                    complaint.say(|| tracing::warn!(from, open = connections.len(), "too many connections"));
                }
            },
            // The client that made this connection went away again.
            Err(error) if is_the_others(&error) => {}
            Err(error) => {
                complaint.say(|| {
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
        take(socket, address, None);
    }
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(from, open = connections.len(), "what is under way is cut off");
        cut.cancel();
        connections.wait().await;
    }
}

fn is_the_others(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
