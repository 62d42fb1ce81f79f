//! Why a message from another node is not taken.

use super::wire::Unread;

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// It is damaged or unknown, or of a node that asks what only a newer Chronos does. That node has to do without.
    #[error("{0}")]
    Refused(String),
    /// It is what a member of the cluster sent, and this Chronos cannot read it: an entry, a vote, a copy of the state.
    /// A node that is meant by it can never go on.
    #[error("{sentence}")]
    Unknown {
        /// The raft id of the node that is meant, where that can be read.
        to: Option<u64>,
        /// What cannot be read, and what to do.
        sentence: String,
    },
}

impl From<Unread> for MessageError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Damaged(why) => Self::Refused(why),
            Unread::Unknown(sentence) => Self::Unknown { to: None, sentence },
        }
    }
}

impl From<String> for MessageError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}
