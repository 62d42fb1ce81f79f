//! TLS to a node whose certificate file we can read. That one certificate is trusted, whoever signed it and
//! whatever names it has. No other certificate is.

use std::io;
use std::path::Path;
use std::sync::Arc;

use chronos_client::{BoxFuture, Connect, Stream};
use chronos_env::pem;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, WebPkiSupportedAlgorithms};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

/// Connects over TLS to a server that holds the key of one certificate.
#[derive(Clone, Debug)]
pub(super) struct PinnedTls(Arc<ClientConfig>);

impl PinnedTls {
    /// Trusts the first certificate of a PEM file. That is the server's own, and its issuers' follow.
    ///
    /// # Errors
    /// The file holds no certificate.
    pub(super) fn from_file(file: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("server.http.tls.cert_file: {error}");
        let chain = pem::certificates(file).map_err(|error| wrong(&error))?;
        let certificate = chain.into_iter().next().ok_or_else(|| wrong(&"holds no certificate"))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?;
        let verifier = Arc::new(PinnedVerifier { certificate, algorithms });
        let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl Connect for PinnedTls {
    fn connect<'a>(&'a self, server: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "it reaches the node from outside")]
            let stream = TcpStream::connect(server).await?;
            let name = ServerName::from(stream.peer_addr()?.ip());
            let shaken = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await;
            let stream = shaken.map_err(|error| in_words(&error))?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// Why there is no TLS to the node, for somebody who does not know the library.
fn in_words(error: &io::Error) -> io::Error {
    let why = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let said = match why {
        Some(TlsError::InvalidCertificate(_)) => {
            "its certificate is another than that in server.http.tls.cert_file; it may not have been restarted since"
        }
        Some(TlsError::InvalidMessage(_)) => {
            "it does not speak TLS; expected HTTPS, since server.http.tls is set"
        }
        _ => return io::Error::new(error.kind(), format!("TLS with it failed: {error}")),
    };
    io::Error::other(said)
}

/// Accepts one certificate. The signature of the handshake proves that the server holds its key.
#[derive(Debug)]
struct PinnedVerifier {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
