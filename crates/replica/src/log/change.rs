//! What can change in the log file, and what is found in it.

use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

use crate::types::{Entry, LogId, Vote};

/// Whose log this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub name: NodeName,
    /// Its number within raft. It is drawn at the first start, so that a node that lost its data is
    /// another one.
    pub id: u64,
    /// The cluster that it belongs to, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// A change of the log file.
pub(crate) enum Change {
    Append(Vec<Entry>),
    Vote(Vote),
    /// Remove everything behind this index; without one, everything.
    Truncate(Option<u64>),
    /// Remove everything up to this position.
    Purge(LogId),
    Identity(Identity),
}

/// What stood in the file when it was opened.
pub(crate) struct Found {
    pub identity: Option<Identity>,
    pub vote: Option<Vote>,
    pub purged: Option<LogId>,
    /// The highest version of the cluster that an entry needs, or needed; 0 before the first batch.
    pub version: u32,
    /// The index of the first entry, which a purge may have left behind.
    pub first: Option<u64>,
    pub last: Option<LogId>,
    /// The bytes of the entries.
    pub bytes: u64,
}
