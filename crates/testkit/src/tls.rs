//! Certificates made on the spot.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SignatureAlgorithm,
};
pub use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A server's certificate for `127.0.0.1` and `localhost`, those of the authorities behind it, and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// A certificate authority of our own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// An authority of this name.
fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn names() -> CertificateParams {
    CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap()
}

impl Identity {
    /// Signed by nobody but itself.
    #[must_use]
    pub fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = names().self_signed(&key).unwrap();
        Self { chain: vec![certificate.der().clone()], key }
    }

    /// Sends its last certificate so many times more.
    #[must_use]
    pub fn repeated(mut self, times: usize) -> Self {
        let last = self.chain.last().unwrap().clone();
        self.chain.extend(std::iter::repeat_n(last, times));
        self
    }

    /// Takes connections of clients that this authority has signed; of all where none is given.
    pub(crate) fn acceptor(&self, clients: Option<&Authority>) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        TlsAcceptor::from(Arc::new(config.with_single_cert(self.chain.clone(), key).unwrap()))
    }

    /// The certificates and the key as PEM, for a file each.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        let engine = base64::engine::general_purpose::STANDARD;
        let pem = |certificate: &CertificateDer<'_>| {
            let body = base64::Engine::encode(&engine, certificate);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        (self.chain.iter().map(pem).collect(), self.key.serialize_pem())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one, that nobody trusts yet.
    #[must_use]
    pub fn new() -> Self {
        Self(CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap())
    }

    /// What goes into a `ca_file`.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate that it signed.
    #[must_use]
    pub fn sign(&self) -> Identity {
        self.certify(names(), KeyPair::generate().unwrap())
    }

    /// The same for another address.
    #[must_use]
    pub fn sign_for(&self, address: IpAddr) -> Identity {
        let params = CertificateParams::new([address.to_string()]).unwrap();
        self.certify(params, KeyPair::generate().unwrap())
    }

    /// The same for these names.
    #[must_use]
    pub fn sign_names(&self, names: &[&str]) -> Identity {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        self.certify(CertificateParams::new(names).unwrap(), KeyPair::generate().unwrap())
    }

    /// The same for a key of this algorithm.
    #[must_use]
    pub fn sign_key(&self, algorithm: &'static SignatureAlgorithm) -> Identity {
        self.certify(names(), KeyPair::generate_for(algorithm).unwrap())
    }

    /// The same, but it was good until the year 2000.
    #[must_use]
    pub fn sign_expired(&self) -> Identity {
        let mut params = names();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(1999, 1, 1), rcgen::date_time_ymd(2000, 1, 1));
        self.certify(params, KeyPair::generate().unwrap())
    }

    /// The same for `localhost` as its common name alone.
    #[must_use]
    pub fn sign_common_name(&self) -> Identity {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        self.certify(params, KeyPair::generate().unwrap())
    }

    /// A server's certificate behind so many authorities, of which this one signed the first.
    #[must_use]
    pub fn sign_through(&self, between: usize) -> Identity {
        let Some(name) = between.checked_sub(1) else { return self.sign() };
        let key = KeyPair::generate().unwrap();
        let next = CertifiedIssuer::signed_by(authority(&format!("between {name}")), key, &self.0).unwrap();
        let next = Self(next);
        let mut identity = next.sign_through(name);
        identity.chain.push(next.0.der().clone());
        identity
    }

    fn certify(&self, params: CertificateParams, key: KeyPair) -> Identity {
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![certificate.der().clone()], key }
    }
}
