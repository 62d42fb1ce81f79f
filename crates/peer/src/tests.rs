//! Tests of this crate's promises, with a real server and a real client over loopback.

mod calls;
mod connections;
mod strangers;
mod tls;
mod uploads;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{BoxFuture, Env, Listener, Net, Socket};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    Answer, Body, Caller, Credentials, HttpTransport, Lane, PeerError, PeerNames, PeerTls, Service,
    Transport as _, serve,
};

/// Long enough for anything that happens at all.
const LONG: Duration = Duration::from_secs(10);

fn caller(node: &str, cluster: Option<&str>) -> Caller {
    let id = OnceLock::new();
    if let Some(cluster) = cluster {
        id.set(cluster.to_owned()).expect("it is empty");
    }
    Caller { node: node.to_owned(), address: String::new(), cluster: Arc::new(id) }
}

/// Does what the kind of a call says.
struct Scripted {
    name: String,
    /// One for each call that began and does not end by itself.
    began: Semaphore,
    /// One for each of those that was dropped.
    dropped: Arc<Semaphore>,
    /// Bytes of bodies taken so far.
    taken: AtomicUsize,
    /// The members that it knows: a name, and where it is reached.
    members: Mutex<Vec<(String, String)>>,
}

impl Scripted {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            began: Semaphore::new(0),
            dropped: Arc::new(Semaphore::new(0)),
            taken: AtomicUsize::new(0),
            members: Mutex::default(),
        })
    }

    fn knows(&self, node: &str, address: &str) {
        self.members.lock().expect("members").push((node.to_owned(), address.to_owned()));
    }

    async fn hang(&self) -> Answer {
        struct Guard(Arc<Semaphore>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.add_permits(1);
            }
        }
        let _guard = Guard(self.dropped.clone());
        self.began.add_permits(1);
        std::future::pending().await
    }
}

impl Service for Scripted {
    fn address_of(&self, node: &str) -> Option<String> {
        let members = self.members.lock().expect("members");
        members.iter().find(|(name, _)| name == node).map(|(_, address)| address.clone())
    }

    fn node_at(&self, address: &str) -> Option<String> {
        let members = self.members.lock().expect("members");
        members.iter().find(|(_, at)| at == address).map(|(name, _)| name.clone())
    }

    fn call<'a>(&'a self, from: &'a str, kind: &'a str, message: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match kind {
                "echo" => Ok(message),
                "who" | "join" => Ok(format!("{} heard {from}", self.name).into()),
                "count" => Ok(message.len().to_string().into()),
                "hang" => self.hang().await,
                other => Err(PeerError::Refused(format!("{other} is unknown"))),
            }
        })
    }

    fn receive<'a>(
        &'a self,
        from: &'a str,
        kind: &'a str,
        message: Bytes,
        mut body: Body,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match kind {
                "hash" | "digest" => {
                    let mut hash = Sha256::new();
                    while let Some(part) = body.next().await {
                        let part = part.map_err(|error| PeerError::Refused(error.to_string()))?;
                        self.taken.fetch_add(part.len(), Ordering::SeqCst);
                        hash.update(&part);
                    }
                    if kind == "digest" {
                        // Long beside the patience of the test that asks for it.
                        tokio::time::sleep(Duration::from_millis(1_500)).await;
                    }
                    let message = String::from_utf8_lossy(&message);
                    Ok(format!("{from} {message} {}", hex(&hash.finalize())).into())
                }
                "hang" => self.hang().await,
                other => Err(PeerError::Refused(format!("{other} is unknown"))),
            }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A node that answers.
struct Node {
    address: String,
    service: Arc<Scripted>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Node {
    async fn start(name: &str, cluster: Option<&str>) -> Self {
        Self::start_at("127.0.0.1:0", name, cluster, None).await
    }

    async fn start_at(address: &str, name: &str, cluster: Option<&str>, tls: Option<Credentials>) -> Self {
        Self::start_with(address, name, cluster, tls, 1024).await
    }

    /// With places for so many connections.
    async fn start_with(
        address: &str,
        name: &str,
        cluster: Option<&str>,
        tls: Option<Credentials>,
        most: usize,
    ) -> Self {
        let service = Scripted::new(name);
        let stop = CancellationToken::new();
        let listener = Env::real().listen(address).await.expect("it listens");
        let address = listener.local_address().expect("an address").to_string();
        let served = serve(listener, tls, caller(name, cluster), service.clone(), most, stop.clone());
        let serving = tokio::spawn(served);
        Self { address, service, stop, serving }
    }

    fn port(&self) -> &str {
        self.address.rsplit_once(':').expect("a port").1
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.serving).await.expect("it stops").expect("it does not panic");
    }
}

fn transport(node: &str, cluster: Option<&str>) -> HttpTransport {
    HttpTransport::new(None, caller(node, cluster), Env::real())
}

async fn call(transport: &HttpTransport, to: &str, kind: &'static str, message: &str) -> Answer {
    transport.call(to, Lane::Log, kind, Bytes::from(message.to_owned()), LONG).await
}

fn text(answer: Answer) -> String {
    String::from_utf8(answer.expect("an answer").to_vec()).expect("text")
}

#[track_caller]
fn stranger(answer: Answer) -> String {
    match answer {
        Err(PeerError::Stranger(why)) => why,
        other => panic!("{other:?}; expected a stranger"),
    }
}

#[track_caller]
fn unreachable(answer: Answer) -> String {
    match answer {
        Err(PeerError::Unreachable(why)) => why,
        other => panic!("{other:?}; expected that it cannot be reached"),
    }
}

/// The machine's network, with names of its own and counts.
struct Named {
    real: Env,
    names: Mutex<HashMap<String, Name>>,
    lookups: AtomicUsize,
    connections: AtomicUsize,
}

/// What the name servers say about a name.
#[derive(Clone)]
enum Name {
    Known(String),
    Lost,
    Silent,
}

impl Named {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            real: Env::real(),
            names: Mutex::default(),
            lookups: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        })
    }

    fn point(&self, name: &str, at: &str) {
        self.set(name, Name::Known(at.to_owned()));
    }

    fn set(&self, name: &str, is: Name) {
        self.names.lock().expect("names").insert(name.to_owned(), is);
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named")
    }
}

impl Net for Named {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let known = self.names.lock().expect("names").get(address).cloned();
        Box::pin(async move {
            self.lookups.fetch_add(1, Ordering::SeqCst);
            match known {
                Some(Name::Known(at)) => self.real.lookup(&at).await,
                Some(Name::Lost) => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                Some(Name::Silent) => std::future::pending().await,
                None => self.real.lookup(address).await,
            }
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            self.connections.fetch_add(1, Ordering::SeqCst);
            Ok(self.real.connect(&[address]).await?.0)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(self.real.listen(address))
    }
}
