//! Keys that take a choice: `none`, or what there is instead.

use std::path::PathBuf;

use super::load::ConfigError;
use super::tree::Given;
use super::values;

/// What a certificate's key is expected to be.
const CERTIFICATE: &str = "a file with a certificate chain in PEM";
const KEY: &str = "a file with its private key in PEM";
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody is asked who they are, on any address.
    None,
}

impl RaftTls {
    pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
        if given.as_text() == Some("none") {
            return Ok(Self::None);
        }
        let names = ["cert_file", "key_file", "ca_file"];
        let keys = given.keys(&names, "keys cert_file, key_file and ca_file, or none")?;
        Ok(Self::Files(RaftTlsFiles {
            cert_file: values::file(keys.require("cert_file", CERTIFICATE)?)?,
            key_file: values::file(keys.require("key_file", KEY)?)?,
            ca_file: values::file(keys.require("ca_file", ROOTS)?)?,
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
        match given.as_text() {
            Some("none") => Ok(Self::None),
            _ => Err(given.wrong("none")),
        }
    }
}
