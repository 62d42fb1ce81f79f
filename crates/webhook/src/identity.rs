//! Whom a request comes from, to a target that asks for a client's certificate (mutual TLS).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chronos_types::{ClientCertificate, SecretValues};
use ring::digest;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// A certificate with its key. Two are the same where both texts are. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Identity {
    digest: Vec<u8>,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads a certificate and its key from the secrets that hold them.
    ///
    /// # Errors
    /// Which of them is none, or that they do not go together. It quotes nothing of them.
    pub(crate) fn read(certificate: &ClientCertificate, secrets: &SecretValues) -> Result<Self, String> {
        let ClientCertificate { cert, key } = certificate;
        let (cert_pem, key_pem) = (secrets.filled(cert), secrets.filled(key));
        let bad = |field: &str, name: &str, what: &str| format!("client_certificate.{field} ({name}) {what}");
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert_pem.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| bad("cert", cert, "holds no certificate; expected some in PEM"))?;
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
        let der = der.map_err(|_| {
            bad("key", key, "holds no private key; expected one in PEM, without a passphrase")
        })?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, der, &provider).map_err(|error| match error {
            rustls::Error::InvalidCertificate(_) => {
                bad("cert", cert, "holds no X.509 certificate of version 3")
            }
            rustls::Error::InconsistentKeys(_) => bad("key", key, "holds the key of another certificate"),
            _ => bad(
                "key",
                key,
                "holds a key that cannot be used; expected RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519",
            ),
        })?;
        let mut both = digest::Context::new(&digest::SHA256);
        both.update(&cert_pem.len().to_be_bytes());
        both.update(cert_pem.as_bytes());
        both.update(key_pem.as_bytes());
        Ok(Self { digest: both.finish().as_ref().to_vec(), certified: Arc::new(certified) })
    }

    /// A policy with it. No session is resumed: one that was begun by another client would be theirs.
    pub(crate) fn config(&self, policy: &ClientConfig) -> ClientConfig {
        let mut config = policy.clone();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)));
        config.resumption = Resumption::disabled();
        config
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// Nothing of the key is shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
