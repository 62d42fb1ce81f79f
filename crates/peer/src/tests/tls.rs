//! Which certificates are accepted.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::*;

/// An authority, and a directory for what it makes.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        Self { issuer, directory }
    }

    /// The files of a node with these names.
    pub(super) fn node(&self, names: &[&str]) -> PeerTls {
        let (key, files) = (key(), self.files(names[0]));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        write(&files.cert_file, &certificate.pem());
        write(&files.key_file, &key.serialize_pem());
        write(&files.ca_file, &self.issuer.pem());
        files
    }

    fn files(&self, name: &str) -> PeerTls {
        let file = |end| self.directory.path().join(format!("{name}.{end}.pem"));
        let names = PeerNames::Node;
        PeerTls { cert_file: file("cert"), key_file: file("key"), ca_file: file("ca"), names }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("it is written");
}

pub(super) fn read(tls: &PeerTls) -> Credentials {
    Credentials::read(tls.clone(), Env::real()).expect("the files are in order")
}

/// Node `a` of cluster `c1`, with these files.
pub(super) fn speaks(tls: &PeerTls) -> HttpTransport {
    HttpTransport::new(Some(read(tls)), caller("a", Some("c1")), Env::real())
}

async fn listens(tls: &PeerTls) -> Node {
    Node::start_at("127.0.0.1:0", "b", Some("c1"), Some(read(tls))).await
}

#[tokio::test]
async fn nodes_of_one_authority_speak() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1", "localhost"])).await;
    let a = speaks(&authority.node(&["a"]));
    assert_eq!(text(call(&a, &node.address, "who", "").await), "b heard a");
    let localhost = format!("localhost:{}", node.port());
    assert_eq!(text(call(&a, &localhost, "who", "").await), "b heard a");
    let body = futures::stream::iter([Ok(Bytes::from(vec![1; 3_000_000]))]).boxed();
    let hash = hex(&Sha256::digest(vec![1; 3_000_000]));
    let answer = a.upload(&node.address, "hash", Bytes::from_static(b"meta"), body).await;
    assert_eq!(text(answer), format!("a meta {hash}"));
    node.stop().await;
}

#[tokio::test]
async fn a_node_of_another_authority_is_not_called() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let node = listens(&theirs.node(&["127.0.0.1"])).await;
    let why = unreachable(call(&speaks(&ours.node(&["a"])), &node.address, "echo", "").await);
    assert!(why.contains("invalid peer certificate"), "{why}");
}

#[tokio::test]
async fn a_caller_of_another_authority_is_not_answered() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let node = listens(&ours.node(&["127.0.0.1"])).await;
    // It trusts us; we do not trust it.
    let mut files = theirs.node(&["a"]);
    files.ca_file = ours.files("127.0.0.1").ca_file;
    unreachable(call(&speaks(&files), &node.address, "echo", "").await);
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_not_answered() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1"])).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let bare = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = tokio::net::TcpStream::connect(&node.address).await.expect("it connects");
    let host = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("an address");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(bare));
    // In TLS 1.3 a client has shaken hands before it is judged.
    let answer = async {
        let mut stream = connector.connect(host, socket).await?;
        let head = "POST /raft/echo HTTP/1.1\r\nhost: b\r\nchronos-protocol: 1\r\nchronos-node: a\r\n\
            chronos-cluster: c1\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await?;
        let mut answer = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = tokio::time::timeout(LONG, answer).await.expect("it ends");
    assert!(answer.as_ref().map_or(true, Vec::is_empty), "{answer:?}");
    // Nor is one that speaks no TLS at all.
    unreachable(call(&transport("a", Some("c1")), &node.address, "echo", "x").await);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_taken() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1"])).await;
    let a = speaks(&authority.node(&["a"]));
    let why = unreachable(call(&a, &format!("localhost:{}", node.port()), "echo", "").await);
    assert!(why.contains("does not name localhost") && why.contains("peer_names: any"), "{why}");
}

/// A certificate names the node that calls, or the host where that node is: as the cluster knows it, else as it says.
#[tokio::test]
async fn a_caller_is_the_node_that_its_certificate_names() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1"])).await;
    node.service.knows("known", "10.0.0.1:7000");
    node.service.knows("named", "known.example:7000");
    for (names, says, at, is_taken) in [
        (&["a"][..], "a", "", true),
        (&["a"], "a", "elsewhere.example:7000", true),
        (&["a"], "b", "", false),
        (&["x.example"], "a", "", false),
        // Nobody knows a node yet that is to join.
        (&["x.example"], "a", "x.example:7000", true),
        (&["*.nodes.example"], "a", "x.nodes.example:7000", true),
        (&["x.example"], "a", "y.example:7000", false),
        (&["127.0.0.1"], "a", "127.0.0.1:7000", true),
        (&["fd00::1"], "a", "[fd00::1]:7000", true),
        // A member is where the cluster knows it to be, whatever it says.
        (&["10.0.0.1"], "known", "", true),
        (&["known"], "known", "", true),
        (&["x.example"], "known", "x.example:7000", false),
        (&["10.0.0.2"], "known", "10.0.0.2:7000", false),
        (&["known.example"], "named", "x.example:7000", true),
        // No certificate could have this name.
        (&["127.0.0.1"], "a:b", "", false),
        (&["127.0.0.1"], "a:b", "127.0.0.1:1", true),
    ] {
        let files = authority.node(names);
        for names in [PeerNames::Node, PeerNames::Any] {
            let caller = Caller { address: at.to_owned(), ..caller(says, Some("c1")) };
            let transport = HttpTransport::new(Some(read(&files)), caller, Env::real());
            // The node that is called decides.
            let called = match names {
                PeerNames::Node => &node,
                PeerNames::Any => &listens(&PeerTls { names, ..authority.node(&["127.0.0.1"]) }).await,
            };
            let answer = call(&transport, &called.address, "who", "").await;
            if is_taken || names == PeerNames::Any {
                assert_eq!(text(answer), format!("b heard {says}"), "{files:?} {at}");
            } else {
                let why = unreachable(answer);
                assert!(why.contains("403") && why.contains("the certificate of the caller"), "{why}");
                assert!(why.contains(says) && why.contains("peer_names: any"), "{why}");
            }
        }
    }
}

#[tokio::test]
async fn a_node_that_is_called_shows_a_certificate_for_its_host_or_its_name() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["b"])).await;
    let files = authority.node(&["a"]);
    let why = unreachable(call(&speaks(&files), &node.address, "who", "").await);
    assert!(why.contains("does not name 127.0.0.1"), "{why}");
    for (known, names, is_taken) in
        [("b", PeerNames::Node, true), ("c", PeerNames::Node, false), ("c", PeerNames::Any, true)]
    {
        let credentials = read(&PeerTls { names, ..files.clone() });
        let members = Scripted::new("a");
        members.knows(known, &node.address);
        credentials.know(members);
        let a = HttpTransport::new(Some(credentials), caller("a", Some("c1")), Env::real());
        let answer = call(&a, &node.address, "who", "").await;
        assert_eq!(answer.is_ok(), is_taken, "{known} {names:?}: {answer:?}");
    }
}

/// What hangs on a connection until that is closed.
async fn hangs(node: &Node, transport: &HttpTransport) -> String {
    let call = call(transport, &node.address, "hang", "");
    tokio::time::timeout(LONG, call).await.map_or_else(|_| "it hangs".to_owned(), unreachable)
}

#[tokio::test]
async fn certificates_are_followed_and_connections_end_with_them() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = old.node(&["127.0.0.1"]);
    let credentials = read(&files);
    let node = Node::start_at("127.0.0.1:0", "b", Some("c1"), Some(credentials.clone())).await;
    let a = speaks(&old.node(&["a"]));
    assert_eq!(text(call(&a, &node.address, "who", "").await), "b heard a");
    assert_eq!(credentials.look(), Ok(false), "nothing has changed");
    // While it is replaced, a file may be anything. All goes on as it was.
    write(&files.cert_file, "-----BEGIN CERTIF");
    assert_eq!(credentials.look().expect_err("no certificate").key, "cert_file");
    assert_eq!(text(call(&a, &node.address, "who", "").await), "b heard a");
    let replaced = new.node(&["127.0.0.1"]);
    for (from, to) in [
        (&replaced.cert_file, &files.cert_file),
        (&replaced.key_file, &files.key_file),
        (&replaced.ca_file, &files.ca_file),
    ] {
        fs::copy(from, to).expect("it is copied");
    }
    let ended = async {
        node.service.began.acquire().await.expect("open").forget();
        assert_eq!(credentials.look(), Ok(true));
    };
    let (why, ()) = tokio::join!(hangs(&node, &a), ended);
    assert_ne!(why, "it hangs", "the connection stays though its certificate is not trusted any more");
    let why = unreachable(call(&a, &node.address, "who", "").await);
    assert!(why.contains("certificate"), "{why}");
    let renewed = speaks(&new.node(&["a"]));
    assert_eq!(text(call(&renewed, &node.address, "who", "").await), "b heard a");
}

/// A clock that is set.
#[derive(Debug)]
struct Set(std::sync::atomic::AtomicI64);

impl chronos_env::Clock for Set {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn since_boot(&self) -> Duration {
        Duration::ZERO
    }

    fn timer(&self) -> io::Result<Box<dyn chronos_env::Timer>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[tokio::test]
async fn a_connection_ends_when_a_certificate_does() {
    let authority = Authority::new();
    let clock = Arc::new(Set(Env::real().now_us().into()));
    let env = Env::with_clock(clock.clone());
    // Whichever end looks at the other's certificate closes.
    for looks_at_callers in [true, false] {
        clock.0.store(Env::real().now_us(), Ordering::SeqCst);
        let follow = |files: PeerTls| Credentials::read(files, env.clone()).expect("the files are in order");
        let (callers, called) = (follow(authority.node(&["a"])), follow(authority.node(&["127.0.0.1"])));
        let node = Node::start_at("127.0.0.1:0", "b", Some("c1"), Some(called.clone())).await;
        let a = HttpTransport::new(Some(callers.clone()), caller("a", Some("c1")), Env::real());
        let ended = async {
            node.service.began.acquire().await.expect("open").forget();
            let looks = if looks_at_callers { &called } else { &callers };
            looks.look().expect("the files are in order");
            // The certificates that are made here are good until the year 4096.
            let centuries = Duration::from_secs(2_200 * 365 * 24 * 3600);
            clock.0.fetch_add(i64::try_from(centuries.as_micros()).expect("it fits"), Ordering::SeqCst);
            looks.look().expect("the files are in order");
        };
        let (why, ()) = tokio::join!(hangs(&node, &a), ended);
        assert_ne!(why, "it hangs");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let authority = Authority::new();
    let good = authority.node(&["a"]);
    let other = authority.node(&["b"]);
    let nothing = authority.directory.path().join("nothing.pem");
    let empty = authority.directory.path().join("empty.pem");
    write(&empty, "");
    let check = |tls: PeerTls, key: &str, problem: &str| {
        let read = Credentials::read(tls.clone(), Env::real());
        let error = read.err().unwrap_or_else(|| panic!("{tls:?} is taken"));
        assert!(error.key == key && error.problem.contains(problem), "{error}; expected {key}: {problem}");
    };
    check(PeerTls { cert_file: nothing.clone(), ..good.clone() }, "cert_file", "nothing.pem");
    check(PeerTls { cert_file: empty.clone(), ..good.clone() }, "cert_file", "holds no certificate");
    check(PeerTls { key_file: nothing.clone(), ..good.clone() }, "key_file", "nothing.pem");
    check(PeerTls { key_file: good.cert_file.clone(), ..good.clone() }, "key_file", "expected a private key");
    check(PeerTls { key_file: other.key_file, ..good.clone() }, "key_file", "a.cert.pem");
    check(PeerTls { ca_file: nothing, ..good.clone() }, "ca_file", "nothing.pem");
    check(PeerTls { ca_file: empty, ..good }, "ca_file", "holds no certificate");
}
