//! Why a replica does not start, a write is not accepted, or the members are not changed.

use std::path::{Path, PathBuf};

use chronos_state::MAX_ROWS;
use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

use crate::proposer::MAX_ROWS_TOGETHER;

/// Why a replica does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// The data directory cannot be used.
    #[error("{path}: {error}")]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
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
    /// The intervals contradict each other.
    #[error("cluster.raft: {0}")]
    Config(String),
    /// It is one of several nodes, and is to listen for none of them.
    #[error(
        "cluster.raft.address is not set, but the data in {path} is that of a node in a cluster with {others}; expected \
         the address at which this node listens for others, such as \"0.0.0.0:7000\""
    )]
    NotAlone {
        /// The data directory.
        path: PathBuf,
        /// The names of the others, for people.
        others: String,
    },
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
    /// The log is not there any more.
    #[error(
        "{state} holds the state up to log entry {applied}, but {log} is missing or empty: put back the log of the same \
         time; without it start with an empty data directory, from a backup or as a node that joins anew"
    )]
    LogLost {
        /// The log.
        log: PathBuf,
        /// The state.
        state: PathBuf,
        /// The last entry in the state.
        applied: u64,
    },
    /// The log has lost its end, or was put back to a time before that of the state.
    #[error(
        "log.db ends at {log}, but the state in state.db goes up to {state}: log.db is damaged, or the two files are not of \
         one time; restore both from the same backup"
    )]
    LogBehindState {
        /// The last entry in the log, for people.
        log: String,
        /// The last entry in the state.
        state: String,
    },
    /// The files are damaged, from a newer Chronos, or cannot be read or written.
    #[error("{0}")]
    Storage(String),
}

impl From<std::io::Error> for ReplicaError {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

/// A fault of a file or directory, for `map_err`.
pub(crate) fn file_error(path: &Path) -> impl Fn(std::io::Error) -> ReplicaError {
    move |error| ReplicaError::Directory { path: path.to_owned(), error }
}

/// Why a batch was not accepted, or why it is not known whether it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProposeError {
    /// This node does not lead and has found no node that does. Nothing was written.
    #[error("{}", .leader.as_ref().map_or_else(|| "no leader is known".to_owned(), |l| format!("this node does not lead; {l} does")))]
    NoLeader {
        /// The name of the leader, if it is known.
        leader: Option<NodeName>,
    },
    /// The disk is full. Nothing was written.
    #[error("{0}")]
    DiskFull(String),
    /// The batch was on its way when the disk filled up or the leader changed. It may have been
    /// accepted, or may still be.
    #[error("the outcome of the write is not known yet: {0}")]
    Unknown(String),
    /// A command of a higher cluster version than the cluster has. Nothing was written.
    #[error(
        "the command is of cluster version {since}, and the cluster is at version {version} until every node can \
         follow a higher one; start a newer Chronos on those that cannot"
    )]
    NotInUse {
        /// The version that has the command.
        since: u32,
        /// The version of the cluster, as this node has applied it.
        version: u32,
    },
    /// So many writes wait already that there is no room for more. Nothing was written.
    #[error("{0}")]
    Busy(String),
    /// The commands are larger than what goes into the log at once. Nothing was written.
    #[error("the write is of about {bytes} bytes; expected at most {limit}")]
    TooLarge {
        /// About what they would have in the log.
        bytes: usize,
        /// The most that is taken at once.
        limit: usize,
    },
    /// The commands would change more rows than may be changed at once. Nothing was written.
    #[error(
        "the write would change {rows} rows; expected at most {MAX_ROWS} in one command, and {MAX_ROWS_TOGETHER} of plans and reports together"
    )]
    TooManyRows {
        /// The rows that they would change.
        rows: usize,
    },
    /// This node is stopping, or has met a fault. The batch may have been accepted.
    #[error("this node is stopping: {0}")]
    Stopped(String),
}

/// Why the membership was not changed, or why it is not known whether it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeError {
    /// There is no such member. Nothing was changed.
    #[error("there is no member named {0}")]
    NotFound(NodeName),
    /// The change is not allowed. Nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// The node of this name cannot follow what is in the log. Nothing was changed.
    #[error(
        "{name} can follow cluster versions up to {follows}, and this cluster is at version {version}; start a newer \
         Chronos on it"
    )]
    CannotFollow {
        /// The node.
        name: NodeName,
        /// The highest version that it can follow.
        follows: u32,
        /// The version of the cluster.
        version: u32,
    },
    /// No leader was found in time. Nothing was changed.
    #[error("no leader is known")]
    NoLeader,
    /// The node of this name is heard from. It was asked to leave. It does so once its attempts have ended, or
    /// other nodes have taken them over.
    #[error("{0} has not left yet: what it fires has not ended")]
    StillThere(NodeName),
    /// The node that was asked, which has this name, belongs to no cluster itself. Nothing was changed.
    #[error("{0} is not a member of a cluster either")]
    Outside(NodeName),
    /// The change was begun. It may have been made, or may still be made.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
}
