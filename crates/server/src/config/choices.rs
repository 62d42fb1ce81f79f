//! Keys that take a choice: `none`, or what there is instead.

use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// `cluster.raft.tls`
#[derive(Clone, Debug, PartialEq)]
pub enum RaftTls {
    /// In the clear, to anybody: for networks that keep others out.
    None,
    /// Mutual TLS.
    Files(RaftTlsFiles),
}

/// `cluster.raft.tls`, where it is not `none`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaftTlsFiles {
    /// This node's certificate chain, PEM; for its host in `advertise`, as server and as client.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// The roots that sign the certificates of all nodes, PEM.
    pub ca_file: PathBuf,
}

/// `auth`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody is asked who they are, on any address.
    None,
}

pub(super) fn raft_tls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RaftTls>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text == "none" => Ok(Some(RaftTls::None)),
        Value::Object(files) => {
            let files = serde::Deserialize::deserialize(Value::Object(files));
            files.map(|files| Some(RaftTls::Files(files))).map_err(D::Error::custom)
        }
        other => Err(D::Error::custom(format!("{other}; expected cert_file, key_file and ca_file, or none"))),
    }
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "none" => Ok(Self::None),
            other => Err(D::Error::custom(format!("{other}; expected none"))),
        }
    }
}
