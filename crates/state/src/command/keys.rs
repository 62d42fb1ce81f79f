//! Keys of the API and sessions of browsers: who may ask, and when each was used last.

use chronos_types::{KeyId, Millis, NodeName, Role, TokenHash};
use serde::{Deserialize, Serialize};

use super::MAX_ROWS;
use crate::stored::text;

/// The version of the cluster that brings keys and sessions.
pub const KEYS_SINCE: u32 = 2;
/// So many keys are on record at a time, those that are over among them; and as many keys of configurations are denied.
pub const MAX_KEYS: usize = 1_000;
/// So many sessions there are at a time. The one that would end first makes room.
pub const MAX_SESSIONS: usize = 10_000;
/// So many sessions a key has. Its oldest one makes room.
pub const MAX_SESSIONS_OF_KEY: usize = 100;
/// Of so many keys it is known when each was used last: those of configurations are among them.
pub(crate) const MAX_USES: usize = 2 * MAX_KEYS;
/// Of so many nodes it is known which keys their configurations have.
pub(crate) const MAX_NODES: usize = 200;
/// So many sessions that are over are forgotten at once, when one begins.
pub(crate) const SESSIONS_AT_ONCE: usize = 100;
/// What ends with a key: its sessions, and operations under way.
const ENDED_WITH_KEY: usize = MAX_SESSIONS_OF_KEY + 2 * super::MAX_OPERATIONS;

/// A word about keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyWord {
    /// Make a key.
    Create(Box<CreateKey>),
    /// End a key for good, with its sessions, and the operations that it asked for and that are under way. One that is
    /// not on record is a key of a configuration, which is denied.
    Revoke {
        /// The key.
        #[serde(with = "text")]
        id: KeyId,
    },
    /// End what a key leaves that has expired: its sessions and operations.
    End {
        /// The key.
        #[serde(with = "text")]
        id: KeyId,
    },
    /// Say when keys were used.
    Used {
        /// The keys, at most [`KeyUse::AT_ONCE`].
        keys: Vec<KeyUse>,
    },
    /// Say which keys the configuration of a node has.
    Node(NodeKeys),
    /// Begin a session.
    BeginSession(BeginSession),
    /// End a session.
    EndSession {
        /// The session.
        #[serde(with = "text")]
        id: KeyId,
    },
}

/// Makes a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// The key.
    #[serde(with = "text")]
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    #[serde(with = "text")]
    pub role: Role,
    /// The hash of its token.
    #[serde(with = "text")]
    pub hash: TokenHash,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
    /// At most so many requests a second, to each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// The values of the tag that it is limited to, sorted; all where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
}

/// Says that a key was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUse {
    /// The key.
    #[serde(with = "text")]
    pub id: KeyId,
    /// The beginning of the hour in which it was used.
    pub hour: Millis,
}

impl KeyUse {
    /// So many are said in one command.
    pub const AT_ONCE: usize = MAX_ROWS / 2;
}

/// The keys in the configuration of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeKeys {
    /// The node.
    pub node: NodeName,
    /// Whether it asks for keys at all.
    pub asks: bool,
    /// The tag that is the scope of keys, where its configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_tag: Option<String>,
    /// The keys, sorted by their ids.
    pub keys: Vec<ConfiguredKey>,
}

/// A key in the configuration of a node, without the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredKey {
    /// Its id: the beginning of the hash.
    #[serde(with = "text")]
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    #[serde(with = "text")]
    pub role: Role,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
    /// At most so many requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// The values of the tag that it is limited to, sorted; all where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
}

/// Begins a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginSession {
    /// The session.
    #[serde(with = "text")]
    pub id: KeyId,
    /// The key that it stands for.
    #[serde(with = "text")]
    pub key: KeyId,
    /// The hash of its token.
    #[serde(with = "text")]
    pub hash: TokenHash,
    /// When it ends.
    pub expires_at: Millis,
}

impl KeyWord {
    /// How many rows it may change.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Create(_) => 3,
            Self::Revoke { .. } | Self::End { .. } => 1 + ENDED_WITH_KEY,
            Self::Used { keys } => 2 * keys.len(),
            Self::Node(_) => 2,
            Self::BeginSession(_) => 3 + SESSIONS_AT_ONCE,
            Self::EndSession { .. } => 1,
        }
    }

    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Create(key) => 300 + key.name.len() + texts(&key.scope),
            Self::Used { keys } => 60 * keys.len(),
            Self::Node(NodeKeys { keys, .. }) => {
                200 + keys.iter().map(|key| 150 + key.name.len() + texts(&key.scope)).sum::<usize>()
            }
            Self::BeginSession(_) => 250,
            Self::Revoke { .. } | Self::End { .. } | Self::EndSession { .. } => 60,
        }
    }
}

/// Bytes of some texts.
fn texts(texts: &[String]) -> usize {
    texts.iter().map(|text| 5 + text.len()).sum()
}
