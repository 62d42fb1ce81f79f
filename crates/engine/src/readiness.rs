//! Whether a node does its part: it takes writes, it is not about to stop, and it fires.

use std::sync::Arc;

use chronos_replica::{Activity, Proposer};
use tokio_util::sync::CancellationToken;

/// What keeps a node from its part, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// A write sent now would not be taken.
    #[error("{0}")]
    TakesNoWrites(String),
    /// The node is stopping, or is to be removed from its cluster. It still answers.
    #[error("this node is stopping")]
    Stopping,
    /// The node is cut off, or has not taken in yet what it is to fire.
    #[error("attempts wait until this node knows all that it owes")]
    DoesNotFire,
}

/// Knows whether this node does its part.
#[derive(Clone, Debug)]
pub struct Readiness {
    proposer: Proposer,
    activity: Arc<Activity>,
    stopping: CancellationToken,
}

impl Readiness {
    /// Judges by what takes writes, by what the node does with its runs, and by `stopping`, which is cancelled
    /// when the node begins to stop.
    #[must_use]
    pub fn new(proposer: Proposer, activity: Arc<Activity>, stopping: CancellationToken) -> Self {
        Self { proposer, activity, stopping }
    }

    /// Whether the node does its part now.
    ///
    /// # Errors
    /// The first obstacle.
    pub fn check(&self) -> Result<(), NotReady> {
        self.proposer.is_ready().map_err(NotReady::TakesNoWrites)?;
        if self.stopping.is_cancelled() {
            return Err(NotReady::Stopping);
        }
        if self.activity.may_fire() { Ok(()) } else { Err(NotReady::DoesNotFire) }
    }
}
