//! A name server that a test tells what to answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A question that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// In lower case, without the last dot.
    pub name: String,
    /// `A` or `AAAA`.
    pub kind: &'static str,
    pub tcp: bool,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Silence,
    /// Records: a name, its TTL, and an address or the name that it stands for.
    Records(Vec<(String, u32, String)>),
    Code(ResponseCode),
    /// Nothing but that the answer is too long for UDP.
    Truncated,
    /// The address, after an answer with another id and an address of a forger's.
    Forged(String),
    /// Bytes that are no message, behind the id of the question.
    Garbage,
}

impl Reply {
    /// Addresses of the name that is asked for, where it is asked for their family.
    pub(super) fn addresses(asked: &Asked, ttl: u32, addresses: &[&str]) -> Self {
        let is_asked = |address: &&&str| address.contains(':') == (asked.kind == "AAAA");
        let record = |address: &&str| (asked.name.clone(), ttl, (*address).to_owned());
        Self::Records(addresses.iter().filter(is_asked).map(record).collect())
    }
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A name server, over UDP and TCP.
pub(super) struct NameServer {
    pub address: SocketAddr,
    asked: watch::Receiver<Vec<Asked>>,
    script: Arc<Mutex<Script>>,
    _serving: JoinSet<()>,
}

impl NameServer {
    /// At any free port of 127.0.0.1.
    pub(super) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let [sockets] = bind([1]).await;
        Self::serve(sockets, script)
    }

    /// Two, at the same port of 127.0.0.1 and 127.0.0.2.
    pub(super) async fn two(
        first: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
        second: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> (Self, Self) {
        let [one, two] = bind([1, 2]).await;
        (Self::serve(one, first), Self::serve(two, second))
    }

    fn serve(
        (udp, tcp): (UdpSocket, TcpListener),
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = udp.local_addr().expect("an address");
        let (seen, asked) = watch::channel(Vec::new());
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Arc::new(script)));
        let mut serving = JoinSet::new();
        let seen = Arc::new(seen);
        serving.spawn(serve_udp(udp, Arc::clone(&script), Arc::clone(&seen)));
        serving.spawn(serve_tcp(tcp, Arc::clone(&script), seen));
        Self { address, asked, script, _serving: serving }
    }

    /// One that never answers.
    pub(super) async fn silent() -> Self {
        Self::start(|_| Reply::Silence).await
    }

    /// Another script, from now on.
    pub(super) fn script(&self, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.script.lock().expect("the script") = Arc::new(script);
    }

    /// All questions so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// The names that it was asked for IPv4 addresses of, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.asked().into_iter().filter(|asked| asked.kind == "A").map(|asked| asked.name).collect()
    }

    /// Waits until it was asked so many questions.
    pub(super) async fn until_asked(&self, count: usize) {
        let mut asked = self.asked.clone();
        let wait = asked.wait_for(|asked| asked.len() >= count);
        super::soon(&format!("{count} questions"), wait).await.expect("it serves");
    }
}

/// Sockets at one port of 127.0.0.N. Which ports are free for all of them is found by trying.
async fn bind<const N: usize>(last: [u8; N]) -> [(UdpSocket, TcpListener); N] {
    'next: for _ in 0..1000 {
        let (mut bound, mut port) = (Vec::new(), 0);
        for last in last {
            let Ok(tcp) = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port)).await else {
                continue 'next;
            };
            let address = tcp.local_addr().expect("an address");
            let Ok(udp) = UdpSocket::bind(address).await else { continue 'next };
            port = address.port();
            bound.push((udp, tcp));
        }
        if let Ok(bound) = bound.try_into() {
            return bound;
        }
    }
    panic!("no port is free");
}

async fn serve_udp(socket: UdpSocket, script: Arc<Mutex<Script>>, seen: Arc<watch::Sender<Vec<Asked>>>) {
    let mut buffer = [0; 4096];
    while let Ok((bytes, from)) = socket.recv_from(&mut buffer).await {
        for answer in answers(&buffer[..bytes], false, &script, &seen) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, script: Arc<Mutex<Script>>, seen: Arc<watch::Sender<Vec<Asked>>>) {
    let mut serving = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        serving.spawn(serve_connection(stream, Arc::clone(&script), Arc::clone(&seen)));
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    script: Arc<Mutex<Script>>,
    seen: Arc<watch::Sender<Vec<Asked>>>,
) {
    while let Ok(bytes) = stream.read_u16().await {
        let mut message = vec![0; bytes.into()];
        if stream.read_exact(&mut message).await.is_err() {
            break;
        }
        for answer in answers(&message, true, &script, &seen) {
            let length = u16::try_from(answer.len()).expect("it is short");
            let _ = stream.write_u16(length).await;
            let _ = stream.write_all(&answer).await;
        }
    }
}

fn answers(
    bytes: &[u8],
    tcp: bool,
    script: &Mutex<Script>,
    seen: &watch::Sender<Vec<Asked>>,
) -> Vec<Vec<u8>> {
    let question = Message::from_vec(bytes).expect("a question");
    let query = question.queries.first().expect("one question").clone();
    let kind = if query.query_type() == RecordType::AAAA { "AAAA" } else { "A" };
    let name = query.name().to_ascii().to_ascii_lowercase().trim_end_matches('.').to_owned();
    let asked = Asked { name, kind, tcp };
    let reply = script.lock().expect("the script")(&asked);
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_query(query);
    let mut before = None;
    let answered = match reply {
        Reply::Silence => false,
        Reply::Garbage => {
            before = Some(bytes[..2].iter().copied().chain([1, 2, 3]).collect());
            false
        }
        Reply::Records(records) => {
            answer.add_answers(records.iter().map(record));
            true
        }
        Reply::Code(code) => {
            answer.metadata.response_code = code;
            true
        }
        Reply::Truncated => {
            answer.metadata.truncation = true;
            true
        }
        Reply::Forged(address) => {
            let mut forged = answer.clone();
            forged.metadata.id = forged.metadata.id.wrapping_add(1);
            forged.add_answer(record(&(asked.name.clone(), 60, "192.0.2.66".to_owned())));
            before = Some(forged.to_vec().expect("it is encoded"));
            answer.add_answer(record(&(asked.name.clone(), 60, address)));
            true
        }
    };
    // It is seen when the answer is on its way.
    seen.send_modify(|seen| seen.push(asked));
    before.into_iter().chain(answered.then(|| answer.to_vec().expect("it is encoded"))).collect()
}

fn record((name, ttl, what): &(String, u32, String)) -> Record {
    let name_of = |text: &str| {
        let mut name = Name::from_ascii(text).expect("a name");
        name.set_fqdn(true);
        name
    };
    let data = match what.parse() {
        Ok(std::net::IpAddr::V4(address)) => RData::A(A(address)),
        Ok(std::net::IpAddr::V6(address)) => RData::AAAA(AAAA(address)),
        Err(_) => RData::CNAME(CNAME(name_of(what))),
    };
    Record::from_rdata(name_of(name), *ttl, data)
}
