//! The server's certificate and key.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// Reads the certificate chain and the key.
///
/// # Errors
/// A file cannot be read or holds something else; names the key of the configuration and the file.
pub(crate) fn tls(config: &Tls) -> Result<TlsAcceptor, String> {
    let Tls { cert_file, key_file } = config;
    let wrong = |key: &str, path: &Path, error: &dyn std::fmt::Display| {
        format!("server.http.tls.{key}: {}: {error}", path.display())
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect)
        .map_err(|error| wrong("cert_file", cert_file, &error))?;
    if chain.is_empty() {
        return Err(wrong("cert_file", cert_file, &"holds no certificate; expected a chain in PEM"));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| wrong("key_file", key_file, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("server.http.tls: {error}"))?;
    let mut server = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong("key_file", key_file, &error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}
