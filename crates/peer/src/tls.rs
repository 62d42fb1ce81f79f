//! Mutual TLS 1.3 between nodes: both sides show a certificate of the cluster's own authority.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronos_env::pem;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The files, all PEM. A node shows its certificate both when it calls and when it is called. So the
/// certificate's extended key usage, where it has one, must allow both. Its names are those of the address
/// that this node advertises.
#[derive(Clone, Debug)]
pub struct PeerTls {
    /// This node's certificate and the chain behind it.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities whose certificates are trusted. No others are.
    pub ca_file: PathBuf,
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
    /// Sets TLS up for calling other nodes.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let (chain, key) = self.identity()?;
        let roots = self.roots()?;
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::new("cert_file", &self.cert_file, error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| self.mismatch(&error))?;
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(client))
    }

    /// Sets TLS up for answering other nodes.
    pub(super) fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let (chain, key) = self.identity()?;
        let roots = Arc::new(self.roots()?);
        let callers = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| TlsError::new("ca_file", &self.ca_file, error))?;
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::new("cert_file", &self.cert_file, error))?
            .with_client_cert_verifier(callers)
            .with_single_cert(chain, key)
            .map_err(|error| self.mismatch(&error))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }

    fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = pem::certificates(&self.cert_file).map_err(TlsError::of("cert_file"))?;
        let key = pem::private_key(&self.key_file).map_err(TlsError::of("key_file"))?;
        Ok((chain, key))
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
