//! The server's certificate and key, and how they are followed when their files change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronos_env::{Env, pem};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::connection::Protocol;

/// Between two looks at the files. Certificates are replaced days before they end.
const LOOK: Duration = Duration::from_secs(5);

/// TLS as the files have it. Cheap to clone; clones share what is in use.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    cert_file: PathBuf,
    key_file: PathBuf,
    now: Mutex<Loaded>,
}

struct Loaded {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the certificate chain and the key.
    ///
    /// # Errors
    /// A file cannot be read or holds something else; names the key of the configuration and the file.
    pub fn read(cert_file: PathBuf, key_file: PathBuf) -> Result<Self, String> {
        let now = Mutex::new(load(&cert_file, &key_file)?);
        Ok(Self(Arc::new(Shared { cert_file, key_file, now })))
    }

    /// Uses what is in the files from then on whenever that changes. What cannot be used is passed over, with a line in the
    /// log, and the last good certificate stays. A loop: it does not end.
    pub async fn follow(self, env: Env) {
        let mut complaint: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let this = self.clone();
            let looked = env.blocking(move || this.look()).await;
            match &looked {
                Ok(true) => {
                    tracing::info!(file = %self.0.cert_file.display(), "the API has a new certificate")
                }
                Ok(false) => {}
                // Once for each of them: while the files are replaced, the two may not fit for a moment.
                Err(error) if complaint.as_ref() != Some(error) => {
                    tracing::warn!(%error, "the API keeps its certificate, since its files cannot be used");
                }
                Err(_) => {}
            }
            complaint = looked.err();
        }
    }

    /// Whether there is something new.
    fn look(&self) -> Result<bool, String> {
        let found = load(&self.0.cert_file, &self.0.key_file)?;
        let mut now = self.now();
        let is_new = found.chain != now.chain || found.key != now.key;
        if is_new {
            *now = found;
        }
        Ok(is_new)
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.now().acceptor.clone()
    }

    fn now(&self) -> MutexGuard<'_, Loaded> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(cert_file: &std::path::Path, key_file: &std::path::Path) -> Result<Loaded, String> {
    let chain =
        pem::certificates(cert_file).map_err(|error| format!("server.http.tls.cert_file: {error}"))?;
    let key = pem::private_key(key_file).map_err(|error| format!("server.http.tls.key_file: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // TLS 1.2 and 1.3: rustls has nothing older.
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("server.http.tls: {error}"))?;
    let built = builder.with_no_client_auth().with_single_cert(chain.clone(), key.clone_key());
    let mut server = built.map_err(|error| {
        let (at, problem) = pem::misfit(&error, cert_file, key_file);
        format!("server.http.tls.{at}: {problem}")
    })?;
    server.alpn_protocols = [Protocol::Http2, Protocol::Http1].map(|known| known.alpn().to_vec()).into();
    Ok(Loaded { chain, key, acceptor: TlsAcceptor::from(Arc::new(server)) })
}
