//! A programmable target: answers as it is told, and records every request to the byte.
//!
//! It speaks HTTP/1.1 over the bare stream, not through a library: an answer may break the protocol, and a
//! header that was sent twice must be seen twice.

mod answer;
mod call;
mod connection;
mod shared;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::Listener;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::PATIENCE;
pub use answer::{Answer, Gate};
pub use call::Call;
use connection::{Incoming, connection};
use shared::{Shared, State};

/// A target on a port of its own; it is gone when this value is. Answers `200 {"received": true}` where it
/// was not told otherwise.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    /// Ends with the receiver.
    _serving: JoinSet<()>,
}

impl Receiver {
    /// A target that speaks plain HTTP, on loopback.
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// The same on another address of this machine.
    pub async fn start_at(address: IpAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve("http", address, Incoming::Tcp(listener))
    }

    /// A target that speaks HTTPS with this certificate.
    #[cfg(feature = "process")]
    pub async fn tls(identity: &crate::tls::Identity) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve("https", address, Incoming::Tls(listener, identity.acceptor(None)))
    }

    /// The same, for clients alone that show a certificate of this authority.
    #[cfg(feature = "process")]
    pub async fn mutual_tls(identity: &crate::tls::Identity, clients: &crate::tls::Authority) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve("https", address, Incoming::Tls(listener, identity.acceptor(Some(clients))))
    }

    /// A target that takes its connections from this listener: that of a simulated network, for example.
    #[must_use]
    pub fn on(listener: Box<dyn Listener>) -> Self {
        let address = listener.local_address().unwrap();
        Self::serve("http", address, Incoming::Given(listener))
    }

    fn serve(scheme: &'static str, address: SocketAddr, incoming: Incoming) -> Self {
        let state = State {
            scripts: HashMap::new(),
            respond: Arc::new(|_| Answer::ok()),
            calls: Vec::new(),
            taken: HashMap::new(),
            abandoned: HashMap::new(),
            connections: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()) });
        let mut serving = JoinSet::new();
        serving.spawn(accept(incoming, Arc::clone(&shared)));
        Self { address, scheme, shared, _serving: serving }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers calls of a path in this order; the last answer holds for all that follow.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.shared.change(|state| state.scripts.insert(path.to_owned(), answers));
    }

    /// Answers calls of paths that have no script as this function says. The call is on record by then.
    pub fn respond(&self, respond: impl Fn(&Call) -> Answer + Send + Sync + 'static) {
        self.shared.change(|state| state.respond = Arc::new(respond));
    }

    /// The next call of a path that was not handed out yet.
    pub async fn next(&self, path: &str) -> Call {
        let find = |state: &mut State| {
            let taken = state.taken.entry(path.to_owned()).or_default();
            let call = state.calls.iter().filter(|c| c.path() == path).nth(*taken)?.clone();
            *taken += 1;
            Some(call)
        };
        self.shared.find(&format!("a call of {path}"), PATIENCE, find).await
    }

    /// All calls of a path, once there are so many.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Call> {
        let find = |state: &mut State| {
            let calls: Vec<_> = state.calls.iter().filter(|c| c.path() == path).cloned().collect();
            (calls.len() >= count).then_some(calls)
        };
        self.shared.find(&format!("{count} calls of {path}"), PATIENCE, find).await
    }

    /// Waits until a client went away without having been answered.
    pub async fn abandoned(&self, path: &str) {
        let find = |state: &mut State| {
            let count = state.abandoned.get_mut(path).filter(|count| **count > 0)?;
            *count -= 1;
            Some(())
        };
        self.shared.find(&format!("a client to give {path} up"), PATIENCE, find).await;
    }

    /// Shows the calls to `see`, each once and in their order: first those that have come already, then those
    /// that are new whenever some are, until it finds what a test waits for.
    pub async fn until<R>(
        &self,
        what: &str,
        patience: Duration,
        mut see: impl FnMut(&[Call]) -> Option<R>,
    ) -> R {
        let mut seen = 0;
        let find = |state: &mut State| {
            let new = &state.calls[seen..];
            seen = state.calls.len();
            see(new)
        };
        self.shared.find(what, patience, find).await
    }

    /// The calls of a path so far.
    #[must_use]
    pub fn calls(&self, path: &str) -> Vec<Call> {
        self.look(|calls| calls.iter().filter(|call| call.path() == path).cloned().collect())
    }

    /// Looks at all calls so far, in the order in which they came.
    pub fn look<R>(&self, look: impl FnOnce(&[Call]) -> R) -> R {
        look(&self.shared.state().calls)
    }

    /// The connections taken so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

/// Takes connections for ever, and serves each in a task of its own.
async fn accept(mut incoming: Incoming, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Some(next) = incoming.next().await else {
            // Out of file descriptors, for example: some become free meanwhile.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        shared.change(|state| state.connections += 1);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A handshake that fails is the client's to report.
            let (from, wire) = next;
            if let Some(wire) = wire.await {
                connection(wire, from, &shared).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
