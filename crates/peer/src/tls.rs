//! Mutual TLS 1.3 between nodes: both sides show a certificate of the cluster's own authority.

mod credentials;
mod identity;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronos_env::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

pub use credentials::Credentials;
pub(super) use credentials::Shown;
pub(super) use identity::host_of;

/// The files, all PEM. A node shows its certificate both when it calls and when it is called. So the
/// certificate's extended key usage, where it has one, must allow both. It names the host of the address
/// that this node advertises, or the node.
#[derive(Clone, Debug)]
pub struct PeerTls {
    /// This node's certificate and the chain behind it.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities whose certificates are trusted. No others are.
    pub ca_file: PathBuf,
    /// What the certificate of another node has to name.
    pub names: PeerNames,
}

/// What the certificate of another node has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerNames {
    /// The node that it says it is, or the host under which the cluster knows that node.
    Node,
    /// Anything: whoever has a certificate of the authorities can be any node.
    Any,
}

/// A file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct TlsError {
    /// Which of the three: `cert_file`, `key_file` or `ca_file`.
    pub key: &'static str,
    /// The file, what is wrong with it, and what was expected.
    pub problem: String,
}

impl TlsError {
    /// For a file that could not be read. The problem already names the file.
    fn of(key: &'static str) -> impl Fn(String) -> Self {
        move |problem| Self { key, problem }
    }

    fn new(key: &'static str, file: &Path, problem: impl Display) -> Self {
        Self { key, problem: format!("{}: {problem}", file.display()) }
    }
}

impl PeerTls {
    /// Reads the files.
    pub(super) fn read(&self) -> Result<Material, TlsError> {
        Ok(Material {
            chain: pem::certificates(&self.cert_file).map_err(TlsError::of("cert_file"))?,
            key: pem::private_key(&self.key_file).map_err(TlsError::of("key_file"))?,
            authorities: pem::certificates(&self.ca_file).map_err(TlsError::of("ca_file"))?,
        })
    }

    /// Sets TLS up with what was read.
    ///
    /// No session is resumed: a certificate is judged with each connection, and nodes make few.
    pub(super) fn set_up(&self, material: &Material) -> Result<Set, TlsError> {
        let roots = Arc::new(self.roots()?);
        let callers = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider()).build();
        let callers = callers.map_err(|error| TlsError::new("ca_file", &self.ca_file, error))?;
        let called = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        let called = Arc::new(Chain(called.map_err(|error| TlsError::new("ca_file", &self.ca_file, error))?));
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::new("cert_file", &self.cert_file, error))?
            .dangerous()
            .with_custom_certificate_verifier(called.clone())
            .with_client_auth_cert(material.chain.clone(), material.key.clone_key())
            .map_err(|error| self.mismatch(&error))?;
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        client.resumption = Resumption::disabled();
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::new("cert_file", &self.cert_file, error))?
            .with_client_cert_verifier(Arc::clone(&callers))
            .with_single_cert(material.chain.clone(), material.key.clone_key())
            .map_err(|error| self.mismatch(&error))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Set { client: Arc::new(client), server: Arc::new(server), callers, called })
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        pem::add_roots(&mut roots, &self.ca_file).map_err(TlsError::of("ca_file"))?;
        Ok(roots)
    }

    fn mismatch(&self, error: &rustls::Error) -> TlsError {
        let (key, problem) = pem::misfit(error, &self.cert_file, &self.key_file);
        TlsError { key, problem }
    }
}

/// What the files hold.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: Vec<CertificateDer<'static>>,
}

/// TLS as it is set up with that.
pub(super) struct Set {
    /// For calling other nodes.
    pub(super) client: Arc<ClientConfig>,
    /// For answering other nodes.
    pub(super) server: Arc<ServerConfig>,
    /// Judges the certificates of those who call.
    pub(super) callers: Arc<dyn ClientCertVerifier>,
    /// Judges the certificates of those who are called.
    pub(super) called: Arc<Chain>,
}

/// Judges whether an authority of the cluster signed a certificate. What it names is judged once it is known who shows it
/// (`identity`).
#[derive(Debug)]
pub(super) struct Chain(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // It looks at the name last.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
