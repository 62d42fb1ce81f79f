//! Keys that take a choice: `none`, or what there is instead.

use std::path::PathBuf;

use chronos_peer::PeerNames;
use chronos_types::{KeyName, KeyScope, Millis, Role, TokenHash};
use chronos_webhook::{Proxy, Resolve};

use super::load::ConfigError;
use super::tree::Given;
use super::values;

/// What a certificate's key is expected to be.
const CERTIFICATE: &str = "a file with a certificate chain in PEM";
const KEY: &str = "a file with its private key in PEM";
/// What `auth` takes.
const AUTH: &str = "none, {} for keys that the API makes, or {api_keys: [...]}";
/// So many keys may be listed.
const MAX_API_KEYS: usize = 100;
const ROOTS: &str = "a file with the certificates of authorities in PEM";

/// `cluster.raft.tls`
#[derive(Clone, Debug, PartialEq)]
pub enum RaftTls {
    /// In the clear, to anybody: for networks that keep others out.
    None,
    /// Mutual TLS.
    Files(RaftTlsFiles),
}

/// `cluster.raft.tls`, where it is not `none`
#[derive(Clone, Debug, PartialEq)]
pub struct RaftTlsFiles {
    /// This node's certificate chain, PEM; for its host in `advertise`, as server and as client.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// The roots that sign the certificates of all nodes, PEM.
    pub ca_file: PathBuf,
    /// What the certificate of another node has to name.
    pub peer_names: PeerNames,
}

/// `server.http.tls`
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
}

/// `auth`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody is asked who they are, on any address.
    None,
    /// Clients show a key: one of these, or one that the API made.
    Keys(Vec<ApiKey>),
}

/// A key of `auth.api_keys`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What people call it.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// The SHA-256 of its token.
    pub key_sha256: TokenHash,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// At most so many requests a second, to each node.
    pub per_second: Option<u32>,
    /// What it is limited to; all where there is none.
    pub scope: Option<KeyScope>,
}

/// `metrics.auth`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAuth {
    /// Anybody may read them.
    None,
}

/// `dispatcher.http.proxy`. What is wrong with it is said without its credentials.
pub(super) fn proxy(given: Given<'_>) -> Result<Proxy, ConfigError> {
    const EXPECTED: &str = "an http or https URL such as \"http://user@proxy.example:3128\"";
    let keys = given.keys(&["url", "password", "resolve"], "keys url, password and resolve")?;
    let url = keys.require("url", EXPECTED)?;
    let password = keys.get("password").map(values::password).transpose()?;
    let resolve = keys.get("resolve").map_or(Ok(Resolve::Local), values::resolve)?;
    let parsed = Proxy::parse(url.text(EXPECTED)?, password.as_deref(), resolve);
    parsed.map_err(|why| url.refuse(why))
}

impl RaftTls {
    pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        if given.as_text() == Some("none") {
            return Ok(Self::None);
        }
        let names = ["cert_file", "key_file", "ca_file", "peer_names"];
        let keys = given.keys(&names, "keys cert_file, key_file, ca_file and peer_names, or none")?;
        let peer_names = match keys.get("peer_names") {
            Some(given) => match given.as_text() {
                Some("node") => PeerNames::Node,
                Some("any") => PeerNames::Any,
                _ => return Err(given.wrong("node or any")),
            },
            None => PeerNames::Node,
        };
        Ok(Self::Files(RaftTlsFiles {
            cert_file: values::file(keys.require("cert_file", CERTIFICATE)?)?,
            key_file: values::file(keys.require("key_file", KEY)?)?,
            ca_file: values::file(keys.require("ca_file", ROOTS)?)?,
            peer_names,
        }))
    }
}

impl Tls {
    pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        let keys = given.keys(&["cert_file", "key_file"], "keys cert_file and key_file")?;
        Ok(Self {
            cert_file: values::file(keys.require("cert_file", CERTIFICATE)?)?,
            key_file: values::file(keys.require("key_file", KEY)?)?,
        })
    }
}

impl Auth {
    pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        if given.as_text() == Some("none") {
            return Ok(Self::None);
        }
        let keys = given.keys(&["api_keys"], AUTH)?;
        let Some(listed) = keys.get("api_keys") else { return Ok(Self::Keys(Vec::new())) };
        let items = listed.items("a list of keys, each with name, role and key_sha256")?;
        if items.len() > MAX_API_KEYS {
            let count = items.len();
            return Err(listed.refuse(format_args!("lists {count} keys; expected at most {MAX_API_KEYS}")));
        }
        let mut found = Vec::<ApiKey>::with_capacity(items.len());
        for item in items {
            let key = ApiKey::read(item)?;
            if let Some(other) = found.iter().find(|other| other.key_sha256.id() == key.key_sha256.id()) {
                let (name, other) = (key.name.as_str(), other.name.as_str());
                return Err(listed.refuse(format_args!(
                    "{name:?} has the key_sha256 of {other:?}; expected a token for each"
                )));
            }
            found.push(key);
        }
        Ok(Self::Keys(found))
    }
}

impl ApiKey {
    fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        const HASH: &str = "the SHA-256 of its token, as of: printf %s \"$TOKEN\" | sha256sum";
        let names = ["name", "role", "key_sha256", "expires_at", "per_second", "scope"];
        let keys = given.keys(&names, "keys name, role and key_sha256")?;
        let name = keys.require("name", "what people call the key")?;
        let role = keys.require("role", "viewer, operator, editor or admin")?;
        let hash = keys.require("key_sha256", HASH)?;
        Ok(Self {
            name: KeyName::parse(name.text("a name")?).map_err(|why| name.refuse(why))?,
            role: Role::parse(role.text("viewer, operator, editor or admin")?)
                .map_err(|why| role.refuse(why))?,
            // What stands there may be the token itself, so nothing quotes it.
            key_sha256: TokenHash::parse(hash.as_text().unwrap_or_default())
                .map_err(|why| hash.refuse(why))?,
            expires_at: keys.get("expires_at").map(values::instant).transpose()?,
            per_second: keys.get("per_second").map(|given| values::per_second(&given)).transpose()?,
            scope: keys.get("scope").map(|given| values::key_scope(&given)).transpose()?.flatten(),
        })
    }
}

impl MetricsAuth {
    pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        match given.as_text() {
            Some("none") => Ok(Self::None),
            _ => Err(given.wrong("none")),
        }
    }
}
