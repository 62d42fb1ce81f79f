//! Which certificates the client trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use chronos_env::{Socket, pem};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::trusted::Trusted;

/// The two TLS policies that webhooks choose from.
pub(crate) struct Policies {
    /// Checks certificates against the machine's roots and the operator's own.
    pub(crate) strict: ClientConfig,
    /// Accepts any certificate (`tls_skip_verify`).
    pub(crate) skip_verify: ClientConfig,
}

/// Loads the trusted roots and makes both policies.
///
/// # Errors
/// The operator's file cannot be read or holds no certificate.
pub(crate) fn policies(ca_file: Option<&Path>) -> Result<Policies, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "a root certificate of this machine cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    let named = ca_file.map(|file| pem::add_roots(&mut roots, file)).transpose()?;
    if roots.is_empty() {
        tracing::warn!("no root certificates found; https webhooks will fail unless they skip verification");
    }
    let builder = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))
    };
    let strict = match named {
        None => builder()?.with_root_certificates(roots).with_no_client_auth(),
        Some(certificates) => {
            let trusted = Arc::new(Trusted::new(roots, certificates, &provider)?);
            builder()?.dangerous().with_custom_certificate_verifier(trusted).with_no_client_auth()
        }
    };
    let anything = Arc::new(AcceptAnything(Arc::clone(&provider)));
    let skip_verify = builder()?.dangerous().with_custom_certificate_verifier(anything).with_no_client_auth();
    Ok(Policies { strict, skip_verify })
}

/// Makes a TLS connection of a connection.
pub(crate) async fn shake(config: &Arc<ClientConfig>, host: &str, socket: Socket) -> io::Result<Socket> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other("the host is no name that a certificate could have"))?;
    Ok(Box::new(TlsConnector::from(Arc::clone(config)).connect(name, socket).await?))
}

/// What servers may sign with where nobody checks it. webpki knows none of these.
const UNCHECKED: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

/// Accepts any certificate, also one that webpki cannot read. Then the signatures of the handshake prove nothing either:
/// whoever is in between has a certificate of their own.
#[derive(Debug)]
struct AcceptAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.0.signature_verification_algorithms.supported_schemes();
        schemes.extend(UNCHECKED);
        schemes
    }
}
