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
        PeerTls { cert_file: file("cert"), key_file: file("key"), ca_file: file("ca") }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("it is written");
}

pub(super) fn speaks(tls: &PeerTls) -> HttpTransport {
    HttpTransport::new(Some(tls), caller("a", Some("c1")), Env::real()).expect("the files are in order")
}

async fn listens(tls: &PeerTls) -> Node {
    Node::start_at("127.0.0.1:0", "b", Some("c1"), Some(tls)).await
}

#[tokio::test]
async fn nodes_of_one_authority_speak() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1", "localhost"])).await;
    let a = speaks(&authority.node(&["a.example"]));
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
    let mut a = speaks(&authority.node(&["a"]));
    a.tls = Some(Arc::new(bare));
    unreachable(call(&a, &node.address, "echo", "x").await);
    // Nor is one that speaks no TLS at all.
    unreachable(call(&transport("a", Some("c1")), &node.address, "echo", "x").await);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_taken() {
    let authority = Authority::new();
    let node = listens(&authority.node(&["127.0.0.1"])).await;
    let a = speaks(&authority.node(&["a"]));
    let why = unreachable(call(&a, &format!("localhost:{}", node.port()), "echo", "").await);
    assert!(why.contains("localhost"), "{why}");
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
        let client = tls.client().err().unwrap_or_else(|| panic!("{tls:?} is taken for calling"));
        let server = tls.server().err().unwrap_or_else(|| panic!("{tls:?} is taken for answering"));
        for error in [client, server] {
            assert!(
                error.key == key && error.problem.contains(problem),
                "{error}; expected {key}: {problem}"
            );
        }
    };
    check(PeerTls { cert_file: nothing.clone(), ..good.clone() }, "cert_file", "nothing.pem");
    check(PeerTls { cert_file: empty.clone(), ..good.clone() }, "cert_file", "holds no certificate");
    check(PeerTls { key_file: nothing.clone(), ..good.clone() }, "key_file", "nothing.pem");
    check(PeerTls { key_file: good.cert_file.clone(), ..good.clone() }, "key_file", "expected a private key");
    check(PeerTls { key_file: other.key_file, ..good.clone() }, "key_file", "a.cert.pem");
    check(PeerTls { ca_file: nothing, ..good.clone() }, "ca_file", "nothing.pem");
    check(PeerTls { ca_file: empty, ..good }, "ca_file", "holds no certificate");
}
