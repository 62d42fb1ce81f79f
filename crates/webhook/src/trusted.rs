//! Which servers are trusted: those whose certificate an authority has signed, and those whose own certificate the
//! operator has put beside the authorities.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Checks certificates as webpki does, but for those that are in the operator's file themselves. webpki refuses a
/// self-signed certificate that says it is an authority's, as most of them do, and one whose issuer is not trusted.
/// Other clients (OpenSSL, Go) trust it, because it is named.
#[derive(Debug)]
pub(crate) struct Trusted {
    webpki: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Trusts the `roots` and, as a server's own, the `certificates`.
    ///
    /// # Errors
    /// There are no roots.
    pub(crate) fn new(
        roots: RootCertStore,
        certificates: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        let webpki = webpki.map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(Self { webpki, certificates })
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.webpki.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let is_named = || self.certificates.iter().any(|known| known.as_ref() == certificate.as_ref());
        if verified.is_ok() || !is_named() {
            return verified;
        }
        // Only now is it certain that what is wrong is not about some other certificate.
        match self.webpki.verify_server_cert(certificate, &[], name, &[], now) {
            Err(Error::InvalidCertificate(error)) if is_of_its_issuer(&error) => {
                let certificate = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&certificate, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether the error is that nobody who is trusted has signed the certificate, or how it was signed. webpki finds
/// this out after it has found the certificate well formed and valid at this time. It has no error of its own for an
/// authority's certificate that a server shows, so that is among the `Other` ones.
fn is_of_its_issuer(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            | CertificateError::Other(_)
    )
}
