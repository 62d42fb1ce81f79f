//! Why the state cannot go on.

use chronos_state::StateError;

use crate::error::ReplicaError;
use crate::health::MayLackSpace;

/// Why the state cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateFault {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(
        "the state that another node sent is at cluster version {found}, and this Chronos can follow versions up to \
         {known}; start a newer Chronos on this node"
    )]
    NewerCopy { found: u32, known: u32 },
    #[error("{0}")]
    Damaged(String),
}

impl StateFault {
    /// A fault of a copy of another node's state.
    pub(crate) fn of_copy(error: StateError) -> Self {
        match error {
            StateError::NewerFormat { found, known, .. } => Self::NewerCopy { found, known },
            other => other.into(),
        }
    }
}

impl MayLackSpace for StateFault {
    fn is_disk_full(&self) -> bool {
        matches!(self, Self::State(error) if error.is_disk_full())
    }

    fn may_be_full(&self) -> bool {
        matches!(self, Self::State(error) if error.may_be_full())
    }
}

impl From<StateFault> for ReplicaError {
    fn from(error: StateFault) -> Self {
        Self::Storage(error.to_string())
    }
}
