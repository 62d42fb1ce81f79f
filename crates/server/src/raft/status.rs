//! What can be seen of a node from outside.

/// Who leads, as far as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The term of the newest vote.
    pub term: u64,
    /// The leader's name, if one is known.
    pub leader: Option<String>,
    /// Whether it is this node.
    pub is_leader: bool,
}

/// Where this node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftStatus {
    /// The current term.
    pub term: u64,
    /// The leader's name, if one is known.
    pub leader: Option<String>,
    /// Whether it is this node.
    pub is_leader: bool,
    /// The names of the voting members.
    pub voters: Vec<String>,
    /// The last index in the log.
    pub last_log: Option<u64>,
    /// The last index known to be on a quorum.
    pub committed: Option<u64>,
    /// The last index in the state.
    pub applied: Option<u64>,
    /// The last index that the state holds durably without the log.
    pub snapshot: Option<u64>,
    /// The last index that the log has dropped.
    pub purged: Option<u64>,
    /// The transactions the log has made since the start; each is a sync, shared by all that waited.
    pub log_commits: u64,
    /// Why writes wait, while the disk is full.
    pub disk_full: Option<String>,
}
