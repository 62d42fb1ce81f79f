//! Whether this node is a member of a cluster.

/// Whether this node is a member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It asks to be taken in. Why it is not a member yet, for people.
    Joining(String),
    /// It is a member, as far as it knows.
    Member,
    /// It was a member.
    Removed,
}

impl MemberState {
    /// What keeps a node from its work, for people.
    pub(crate) fn obstacle(&self) -> Option<String> {
        match self {
            Self::Member => None,
            Self::Joining(why) => Some(format!("this node is not a member of a cluster yet: {why}")),
            Self::Removed => Some(
                "this node was removed from the cluster; to have it join anew, stop it and empty its cluster.data_dir"
                    .to_owned(),
            ),
        }
    }
}
