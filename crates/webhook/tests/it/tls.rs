//! Which servers are trusted, and TLS connections that end in silence

use std::sync::Arc;

use chronos_env::Env;
use chronos_types::{ClientCertificate, ErrorKind, SecretHosts, SecretName, SecretValues, Webhook};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// A certificate that is signed by nobody but itself, and how a server shows it. `openssl req -x509` makes such
/// ones: they say that they are an authority's.
fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der)
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

/// Answers one request with these bytes. The connection then ends without a word of TLS.
async fn serve(target: &Target, acceptor: &TlsAcceptor, bytes: &[u8]) {
    let Ok(mut stream) = acceptor.accept(target.accept().await).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream.into_inner());
}

fn https(target: &Target) -> String {
    format!("https://{}/", target.address)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What comes of a call to this server by a client with this `ca_file`.
async fn call(ca_file: &str, acceptor: &TlsAcceptor, bytes: &[u8]) -> chronos_webhook::Outcome {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    std::fs::write(&file, ca_file).unwrap();
    let (caller, target) = (Caller::trusting(file).unwrap(), Target::start().await);
    let url = https(&target);
    tokio::join!(caller.call(&url), serve(&target, acceptor, bytes)).0
}

#[tokio::test]
async fn a_body_ends_where_its_connection_ends_also_without_close_notify() {
    let (certificate, acceptor) = self_signed("127.0.0.1", |_| {});
    let pem = certificate.pem();
    for bytes in [&b"HTTP/1.1 200 OK\r\n\r\nhello"[..], b"HTTP/1.0 200 OK\r\n\r\nhello"] {
        let outcome = call(&pem, &acceptor, bytes).await;
        assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("hello")));
    }
    // A body that says how long it is was cut.
    let outcome = call(&pem, &acceptor, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").await;
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Body, 200));
}

#[tokio::test]
async fn a_receivers_own_certificate_in_ca_file_is_trusted() {
    let (certificate, acceptor) = self_signed("127.0.0.1", |_| {});
    let pem = certificate.pem();
    let (stranger, _) = self_signed("127.0.0.1", |_| {});
    for ca_file in [
        pem.clone(),
        stranger.pem() + &pem,
        format!("\u{feff}{pem}"),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    ] {
        let outcome = call(&ca_file, &acceptor, OK).await;
        assert_eq!(outcome.failure, None, "{ca_file}");
    }
    let (end_entity, acceptor) = self_signed("127.0.0.1", |params| params.is_ca = IsCa::NoCa);
    assert_eq!(call(&end_entity.pem(), &acceptor, OK).await.failure, None);
}

#[tokio::test]
async fn a_certificate_in_ca_file_still_has_to_be_the_servers_and_valid() {
    let named = |name, change: fn(&mut CertificateParams)| self_signed(name, change);
    let (_, acceptor) = named("127.0.0.1", |_| {});
    let (other, _) = named("127.0.0.1", |_| {});
    let strange = call(&other.pem(), &acceptor, OK).await;
    let (certificate, acceptor) = named("127.0.0.2", |_| {});
    let elsewhere = call(&certificate.pem(), &acceptor, OK).await;
    let (certificate, acceptor) =
        named("127.0.0.1", |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let expired = call(&certificate.pem(), &acceptor, OK).await;
    for (what, outcome) in [("strange", strange), ("elsewhere", elsewhere), ("expired", expired)] {
        assert_eq!(outcome.failure.map(|(kind, _)| kind), Some(ErrorKind::Tls), "{what}");
    }
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_counts_by_tls_too() {
    let (_, acceptor) = self_signed("127.0.0.1", |_| {});
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = Webhook { tls_skip_verify: true, ..posting(&https(&target), &"x".repeat(250_000)) };
    for _ in 0..40 {
        let served = async {
            let mut stream = acceptor.accept(target.accept().await).await.unwrap();
            stream.read_u8().await.unwrap();
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!").await.unwrap();
            stream.flush().await.unwrap();
        };
        let (outcome, ()) = tokio::join!(caller.fire(&fired), served);
        assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Status, 413));
    }
}

#[tokio::test]
async fn tls_skip_verify_takes_any_certificate() {
    let (_, acceptor) = self_signed("elsewhere.example", |params| {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let lax = Webhook { tls_skip_verify: true, ..webhook(&https(&target)) };
    let (outcome, ()) = tokio::join!(caller.fire(&lax), serve(&target, &acceptor, OK));
    assert_eq!(outcome.failure, None);
    let strict = webhook(&https(&target));
    let (outcome, ()) = tokio::join!(caller.fire(&strict), serve(&target, &acceptor, OK));
    assert_eq!(outcome.failure.unwrap().0, ErrorKind::Tls);
}

#[test]
fn a_ca_file_that_holds_no_certificate_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    for (text, why) in [("", "holds no certificate"), ("-----BEGIN CERTIFICATE-----\n", "expected")] {
        std::fs::write(&file, text).unwrap();
        let error = Caller::trusting(file.clone()).err().unwrap();
        assert!(error.contains("ca.crt") && error.contains(why) && error.contains("PEM"), "{error}");
    }
}

/// A client's certificate with its key, and the secrets that hold them.
fn client(name: &str) -> (Certificate, SecretValues) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut secrets = SecretValues::default();
    for (name, pem) in [("cert", certificate.pem()), ("key", key.serialize_pem())] {
        let hosts = SecretHosts::unchecked(vec!["127.0.0.1".into()]);
        secrets.insert(&SecretName::parse(name).unwrap(), pem, hosts);
    }
    (certificate, secrets)
}

#[tokio::test]
async fn each_client_shows_its_certificate_and_has_its_own_connections() {
    let clients = ["one", "two"].map(client);
    let mut roots = RootCertStore::empty();
    for (certificate, _) in &clients {
        roots.add(certificate.der().clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.der().clone()], der)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let shown = ClientCertificate { cert: "{{secret.cert}}".into(), key: "{{secret.key}}".into() };
    let fired =
        Webhook { tls_skip_verify: true, client_certificate: Some(shown), ..webhook(&https(&target)) };
    // They are kept open: what is not the client's own would be used for the next.
    let mut kept = Vec::new();
    for (certificate, secrets) in &clients {
        let serve = async {
            let mut stream = acceptor.accept(target.accept().await).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(OK).await.unwrap();
            stream.flush().await.unwrap();
            stream
        };
        let (outcome, stream) = tokio::join!(caller.fire_with(&fired, secrets), serve);
        assert_eq!(outcome.failure, None);
        let came = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        assert_eq!(&came, certificate.der());
        kept.push(stream);
    }
}
