//! Which certificates the client trusts.

use std::path::Path;
use std::sync::Arc;

use chronos_env::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

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
    if let Some(file) = ca_file {
        pem::add_roots(&mut roots, file)?;
    }
    if roots.is_empty() {
        tracing::warn!("no root certificates found; https webhooks will fail unless they skip verification");
    }
    let builder = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))
    };
    let strict = builder()?.with_root_certificates(roots).with_no_client_auth();
    let anything = Arc::new(AcceptAnything(Arc::clone(&provider)));
    let skip_verify = builder()?.dangerous().with_custom_certificate_verifier(anything).with_no_client_auth();
    Ok(Policies { strict, skip_verify })
}

/// Accepts any certificate. The signatures of the handshake still have to be right.
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
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
