//! TLS: rustls and ring speak it, webpki judges certificates

use super::converse;
use crate::support::tls::{Authority, Identity, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use crate::support::*;

/// A server that trusts this authority.
async fn trusting(authority: &Authority) -> Server {
    let setup = CHRONOS.setup();
    let ca_file = setup.file("ca.crt", &authority.pem());
    setup.key("dispatcher.http.tls.ca_file", ca_file.to_str().unwrap()).start().await
}

/// What comes of one call of a target with this certificate, by the name `localhost`.
async fn call(server: &Server, name: &str, identity: &Identity, skip_verify: bool) -> Value {
    let receiver = Receiver::tls(identity).await;
    let url = format!("https://localhost:{}/{name}", receiver.port());
    let mut job = manual(name, json!({"url": url, "tls_skip_verify": skip_verify}));
    job["retry_policy"] = json!({"max_attempts": 1});
    server.run(&job).await
}

#[tokio::test]
async fn six_authorities_may_stand_between_a_certificate_and_one_that_is_trusted() {
    let authority = Authority::new();
    let server = trusting(&authority).await;
    for (between, kind) in [(0, Value::Null), (1, Value::Null), (6, Value::Null), (7, json!("tls"))] {
        let run = call(&server, &format!("chain-{between}"), &authority.sign_through(between), false).await;
        assert_eq!(run["error_kind"], kind, "{between}: {}", run["last_error"]);
    }
    let skipped = call(&server, "skipped", &authority.sign_through(7), true).await;
    assert_eq!(skipped["status"], "success", "{}", skipped["last_error"]);
}

#[tokio::test]
async fn a_certificate_is_of_a_known_kind_in_its_time_and_says_its_name_as_an_alternative() {
    let authority = Authority::new();
    let server = trusting(&authority).await;
    for (name, identity, kind) in [
        ("p-384", authority.sign_key(&PKCS_ECDSA_P384_SHA384), Value::Null),
        ("ed25519", authority.sign_key(&PKCS_ED25519), Value::Null),
        ("expired", authority.sign_expired(), json!("tls")),
        ("common-name", authority.sign_common_name(), json!("tls")),
    ] {
        let run = call(&server, name, &identity, false).await;
        assert_eq!(run["error_kind"], kind, "{name}: {}", run["last_error"]);
        let skipped = call(&server, &format!("{name}-skipped"), &identity, true).await;
        assert_eq!(skipped["status"], "success", "{name}: {}", skipped["last_error"]);
    }
}

/// The first message of a client of TLS 1.1.
fn hello_1_1() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 13, 0, 4, 0, 2, 4, 3, // signature_algorithms: ecdsa_secp256r1_sha256
        0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
    ];
    let mut hello = vec![3, 2];
    hello.extend_from_slice(&[7; 32]);
    // No session, one cipher suite, no compression.
    hello.extend_from_slice(&[0, 0, 2, 0xc0, 0x09, 1, 0, 0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend_from_slice(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

/// A server whose API is behind TLS.
async fn https() -> Server {
    let setup = CHRONOS.setup();
    let (certificate, key) = Identity::self_signed().pem();
    let (certificate, key) = (setup.file("cert.pem", &certificate), setup.file("key.pem", &key));
    setup
        .key("server.http.tls.cert_file", certificate.to_str().unwrap())
        .key("server.http.tls.key_file", key.to_str().unwrap())
        .start()
        .await
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_hung_up_on() {
    let server = https().await;
    let hello = hello_1_1();
    let (nothing, part) = tokio::join!(converse(&server, b""), converse(&server, &hello[..20]));
    assert_eq!((nothing, part), (vec![], vec![]));
}

#[tokio::test]
async fn the_certificates_of_a_target_have_64_kib_at_most() {
    let authority = Authority::new();
    let server = trusting(&authority).await;
    for (times, kind) in [(50, Value::Null), (300, json!("tls"))] {
        let run = call(&server, &format!("times-{times}"), &authority.sign().repeated(times), true).await;
        assert_eq!(run["error_kind"], kind, "{times}: {}", run["last_error"]);
    }
}

#[tokio::test]
async fn the_api_speaks_tls_1_2_and_1_3() {
    let server = https().await;
    let answer = converse(&server, &hello_1_1()).await;
    // A fatal alert: protocol_version (RFC 8446, section 6.2).
    assert!(answer.first() == Some(&21) && answer.ends_with(&[2, 70]), "{answer:?}");
}

#[tokio::test]
async fn the_machines_roots_may_be_named_by_ssl_cert_file() {
    let authority = Authority::new();
    let setup = CHRONOS.setup();
    let roots = setup.file("roots.pem", &authority.pem());
    let server = setup.variable("SSL_CERT_FILE", roots).start().await;
    let run = call(&server, "trusted", &authority.sign(), false).await;
    assert_eq!(run["status"], "success", "{}", run["last_error"]);
    let run = call(&server, "stranger", &Authority::new().sign(), false).await;
    assert_eq!(run["error_kind"], "tls", "{run:#}");
}
