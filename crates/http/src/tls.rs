//! The server's certificate and key.

use std::path::Path;
use std::sync::Arc;

use chronos_env::pem;
use rustls::ServerConfig;

pub use tokio_rustls::TlsAcceptor;

/// Reads the certificate chain and the key.
///
/// # Errors
/// A file cannot be read or holds something else; names the key of the configuration and the file.
pub fn tls(cert_file: &Path, key_file: &Path) -> Result<TlsAcceptor, String> {
    let chain =
        pem::certificates(cert_file).map_err(|error| format!("server.http.tls.cert_file: {error}"))?;
    let key = pem::private_key(key_file).map_err(|error| format!("server.http.tls.key_file: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("server.http.tls: {error}"))?;
    let mut server = builder.with_no_client_auth().with_single_cert(chain, key).map_err(|error| {
        let (at, problem) = pem::misfit(&error, cert_file, key_file);
        format!("server.http.tls.{at}: {problem}")
    })?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}
