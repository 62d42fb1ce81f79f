//! A programmable target: answers as scripted, and records every request to the byte.
//!
//! It speaks HTTP/1.1 over the bare socket, not through a library: a script may break the
//! protocol, and a header that was sent twice must be seen twice.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::answer::{Answer, Ending};
use super::{soon, tls};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names and values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Call {
    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header's value, its name in any case. Fails where it was sent twice: nothing ever is.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} was sent twice: {:?}", self.headers);
        first
    }

    /// A header that must be there.
    #[track_caller]
    pub fn sent(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// `X-Chronos-Execution-ID`.
    pub fn execution(&self) -> &str {
        self.sent("X-Chronos-Execution-ID")
    }

    /// `X-Chronos-Attempt`.
    pub fn attempt(&self) -> u32 {
        self.sent("X-Chronos-Attempt").parse().unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.body))
    }
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, VecDeque<Answer>>,
    calls: Vec<Call>,
    /// Calls handed out by `next`, by path.
    taken: HashMap<String, usize>,
    /// Calls whose client went away unanswered, by path.
    abandoned: HashMap<String, usize>,
    connections: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }

    /// Waits until `find` finds something.
    async fn find<R>(&self, what: &str, mut find: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = find(&mut self.state()) {
                    return found;
                }
                // The sender lives as long as `self`.
                let _ = changed.changed().await;
            }
        };
        match tokio::time::timeout(super::PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => {
                let seen: Vec<_> =
                    self.state().calls.iter().map(|c| format!("{} {}", c.method, c.target)).collect();
                panic!("waited in vain for {what}; what came: {seen:?}");
            }
        }
    }
}

/// A target on a port of its own. Answers `200 {"received": true}` where no script says otherwise.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    /// Ends with the receiver.
    _serving: JoinSet<()>,
}

impl Receiver {
    /// A target that speaks plain HTTP.
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// A target that speaks HTTPS with this certificate.
    pub async fn tls(identity: &tls::Identity) -> Self {
        Self::serve(Some(identity.acceptor())).await
    }

    async fn serve(acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared { state: Mutex::default(), changed: watch::Sender::new(()) });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Self { address, scheme, shared, _serving: serving }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers calls of a path in this order; the last answer holds for all that follow.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.shared.change(|state| state.scripts.insert(path.to_owned(), answers));
    }

    /// The next call of a path that was not handed out yet.
    pub async fn next(&self, path: &str) -> Call {
        let find = |state: &mut State| {
            let taken = state.taken.entry(path.to_owned()).or_default();
            let call = state.calls.iter().filter(|c| c.path() == path).nth(*taken)?.clone();
            *taken += 1;
            Some(call)
        };
        self.shared.find(&format!("a call of {path}"), find).await
    }

    /// All calls of a path, once there are so many.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Call> {
        let find = |state: &mut State| {
            let calls: Vec<_> = state.calls.iter().filter(|c| c.path() == path).cloned().collect();
            (calls.len() >= count).then_some(calls)
        };
        self.shared.find(&format!("{count} calls of {path}"), find).await
    }

    /// Waits until a client went away without having been answered.
    pub async fn abandoned(&self, path: &str) {
        let find = |state: &mut State| {
            let count = state.abandoned.get_mut(path).filter(|count| **count > 0)?;
            *count -= 1;
            Some(())
        };
        self.shared.find(&format!("a client to give {path} up"), find).await;
    }

    /// The calls of a path so far.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        self.shared.state().calls.iter().filter(|c| c.path() == path).cloned().collect()
    }

    /// The connections taken so far.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        shared.change(|state| state.connections += 1);
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match acceptor {
                None => connection(stream, &shared).await,
                // A handshake that fails is the client's to report.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, &shared).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// What a connection runs over.
trait Wire: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Serves requests until either side goes.
async fn connection(mut wire: impl Wire, shared: &Shared) {
    let mut buffer = Vec::new();
    while let Some(call) = request(&mut wire, &mut buffer).await {
        let (path, method) = (call.path().to_owned(), call.method.clone());
        let answer = shared.change(|state| {
            state.calls.push(call);
            match state.scripts.get_mut(&path) {
                Some(answers) if answers.len() > 1 => answers.pop_front(),
                Some(answers) => answers.front().cloned(),
                None => None,
            }
        });
        let answer = answer.unwrap_or_else(Answer::ok);
        let abandoned = || shared.change(|state| *state.abandoned.entry(path).or_default() += 1);
        if let Some(gate) = &answer.gate {
            tokio::select! {
                () = gate.passed() => {}
                () = gone(&mut wire) => return abandoned(),
            }
        }
        match answer.ending {
            Ending::Silent => {
                gone(&mut wire).await;
                return abandoned();
            }
            Ending::Reset => {
                // With nothing to linger for, closing sends RST.
                return wire.tcp().set_zero_linger().unwrap();
            }
            Ending::Whole | Ending::CutShort | Ending::Stalled => {
                if wire.write_all(&answer.bytes(&method)).await.is_err() || wire.flush().await.is_err() {
                    return;
                }
            }
        }
        match answer.ending {
            Ending::CutShort => {
                let _ = wire.shutdown().await;
                return;
            }
            Ending::Stalled => {
                gone(&mut wire).await;
                return abandoned();
            }
            _ => {}
        }
    }
}

/// Resolves when the client closes. It has nothing to say before it was answered.
async fn gone(wire: &mut impl Wire) {
    let mut byte = [0];
    let read = wire.read(&mut byte).await;
    assert!(!matches!(read, Ok(1)), "a second request before the first was answered");
}

/// Reads one request; none where the client closes.
async fn request(wire: &mut impl Wire, buffer: &mut Vec<u8>) -> Option<Call> {
    let head_end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at,
            None => more(wire, buffer).await?,
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    buffer.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    assert_eq!(first.next(), Some("HTTP/1.1"), "{head}");
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap_or_else(|| panic!("not a header: {line:?}")))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut call = Call { method, target, headers, body: String::new() };
    assert_eq!(call.header("Transfer-Encoding"), None, "bodies are sent with their length");
    let length = call.header("Content-Length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        more(wire, buffer).await?;
    }
    call.body = String::from_utf8(buffer.drain(..length).collect()).unwrap();
    Some(call)
}

async fn more(wire: &mut impl Wire, buffer: &mut Vec<u8>) -> Option<()> {
    match wire.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// A port of loopback on which nobody listens.
pub async fn closed_port() -> u16 {
    let listener = soon("a port", TcpListener::bind(("127.0.0.1", 0))).await.unwrap();
    listener.local_addr().unwrap().port()
}
