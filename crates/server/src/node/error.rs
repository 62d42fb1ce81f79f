//! Why a node does not start, or is not known to have left.

use chronos_replica::ChangeError;
use chronos_types::NodeName;

/// Why a node does not start: one sentence for the operator, who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// A node has stopped, and is or may be a member of its cluster still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node {name} is or may be a member of its cluster still: {error}")]
pub struct LeaveError {
    pub(super) name: NodeName,
    pub(super) error: ChangeError,
}
