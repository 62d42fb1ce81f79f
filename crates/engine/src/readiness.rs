//! Whether a node does its part: commits advance, it has caught up with them, its disk takes what is written, it is not
//! about to stop, and it fires. Nothing here waits for a disk.

use std::sync::Arc;

use chronos_replica::{Activity, Proposer, View};
use tokio::sync::watch;
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
    /// Nothing proves that a leader hears this node, or it is being removed.
    #[error(
        "this node is fenced: there is no proof that a leader hears it, so others may fire what it is to fire"
    )]
    Fenced,
    /// The node has not taken in yet what it is to fire.
    #[error("attempts wait until this node knows all that it owes")]
    DoesNotFire,
}

/// Knows whether this node does its part.
#[derive(Clone, Debug)]
pub struct Readiness {
    proposer: Proposer,
    view: watch::Receiver<View>,
    activity: Arc<Activity>,
    stopping: CancellationToken,
}

impl Readiness {
    /// Judges by what takes writes, by what the node sees of the cluster and does with its runs, and by `stopping`,
    /// which is cancelled when the node begins to stop.
    #[must_use]
    pub fn new(
        proposer: Proposer,
        view: watch::Receiver<View>,
        activity: Arc<Activity>,
        stopping: CancellationToken,
    ) -> Self {
        Self { proposer, view, activity, stopping }
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
        if self.view.borrow().fenced {
            return Err(NotReady::Fenced);
        }
        if self.activity.may_fire() { Ok(()) } else { Err(NotReady::DoesNotFire) }
    }
}
