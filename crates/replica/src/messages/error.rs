//! Why a message from another node is not taken.

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// It is newer, damaged, unknown, or makes no sense.
    #[error("{0}")]
    Refused(String),
    /// A leader sent an entry that only a newer Chronos can apply. A node that is meant by it can never go on.
    #[error("{sentence}")]
    NewerEntry {
        /// The raft id of the node that is meant.
        to: u64,
        /// What is newer, and what to do.
        sentence: String,
    },
}

impl From<String> for MessageError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}
