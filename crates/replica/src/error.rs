//! What a start and a proposal can end in.

use std::path::{Path, PathBuf};

use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

use super::log_file::LogError;
use super::state_file::StateFault;

/// Why raft does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaftError {
    /// The data directory cannot be used.
    #[error("{path}: {error}")]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's word.
        error: std::io::Error,
    },
    /// Another process works on the data.
    #[error("cluster.data_dir {0}: another Chronos is running on it")]
    InUse(PathBuf),
    /// The log was written under another name.
    #[error(
        "cluster.node_id is {configured}, but the data in {path} is that of {found}; set the node's \
         old name, or choose another cluster.data_dir"
    )]
    OtherNode {
        /// The data directory.
        path: PathBuf,
        /// The name in the configuration.
        configured: NodeName,
        /// The name in the log.
        found: NodeName,
    },
    /// The intervals do not go together.
    #[error("cluster.raft: {0}")]
    Config(String),
    /// The state was put back to a time before that of the log.
    #[error(
        "the state ends at log entry {state:?}, but the log begins after {log}: the two files are not \
         of one time; restore both from the same backup"
    )]
    StateBehindLog {
        /// The last entry in the state.
        state: Option<u64>,
        /// The last entry that the log has dropped.
        log: u64,
    },
    /// The files are damaged, from a newer Chronos, or cannot be read or written.
    #[error("{0}")]
    Storage(String),
}

impl From<LogError> for RaftError {
    fn from(error: LogError) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<StateFault> for RaftError {
    fn from(error: StateFault) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<std::io::Error> for RaftError {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

/// A fault of a file or directory, for `map_err`.
pub(super) fn file(path: &Path) -> impl Fn(std::io::Error) -> RaftError {
    move |error| RaftError::Directory { path: path.to_owned(), error }
}

/// Why a batch was not accepted, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposeError {
    /// This node does not lead, or has found nobody who does. Nothing was written.
    #[error("{}", .leader.as_ref().map_or_else(|| "no leader is known".to_owned(), |l| format!("this node does not lead; {l} does")))]
    NoLeader {
        /// The name of the node that does, if it is known.
        leader: Option<NodeName>,
    },
    /// The disk is full. Nothing was written.
    #[error("{0}")]
    DiskFull(String),
    /// The batch was on its way when the disk filled or the leader changed: it may be accepted
    /// yet, or may have been.
    #[error("the outcome of the write is not known yet: {0}")]
    Unknown(String),
    /// This node is stopping, or has met a fault. The batch may have been accepted.
    #[error("this node is stopping: {0}")]
    Stopped(String),
}

/// Why the membership was not changed, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeError {
    /// There is no such member. Nothing was changed.
    #[error("there is no member named {0}")]
    NotFound(NodeName),
    /// It must not be done. Nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// No leader was found in time. Nothing was changed.
    #[error("no leader is known")]
    NoLeader,
    /// The node of this name is heard of. It was asked to leave, which it does once it has ended what it
    /// fires, or others have it.
    #[error("{0} has not left yet: what it fires has not ended")]
    StillThere(NodeName),
    /// The node that was asked, of this name, belongs to no cluster itself. Nothing was changed.
    #[error("{0} is not a member of a cluster either")]
    Outside(NodeName),
    /// It was begun, and may be done yet, or may have been done.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
}
